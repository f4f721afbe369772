"""``python -m chattool.background`` for a process that permissions hold for, whoever runs the tests."""

import ctypes
import os
import sys

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1

if os.geteuid() == 0:
    # Takes effect at the next exec.
    ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "chattool.background", *sys.argv[1:]])  # noqa: S606
