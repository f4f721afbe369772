"""``python -m chattool.background --home DIR``: start the engine, or with ``--foreground`` be it."""

from __future__ import annotations

import sys

from chattool.background.command import main

sys.exit(main(sys.argv[1:]))
