"""PostgreSQL with a long history: what each operation reads there. ``python -m tests.scale --help``."""
