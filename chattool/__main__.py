"""``python -m chattool``."""

from __future__ import annotations

import sys

from chattool.cli import main

sys.exit(main())
