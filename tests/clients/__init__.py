"""Real MCP clients against the real server, over stdio and HTTP. ``scripts/clients-env`` installs them.

Each client program (``py_1.py``, ``py_2.py``, ``ts_1.mjs``, ``ts_2.mjs``) gets the same conversation in
``CLIENT_SCRIPT`` and prints what it saw, one JSON document per step; ``test_clients`` judges it.
"""
