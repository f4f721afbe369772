"""``python -m chattool.agent``."""

from __future__ import annotations

import sys

from chattool.agent import main

sys.exit(main())
