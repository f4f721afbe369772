"""The environments that ``scripts/sdk-env`` makes, beside the one that the tests run in."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CI = os.environ.get("CI") == "true"


def interpreter(folder: str) -> Path:
    """The environment's Python; skips without it, or fails where CI=true."""
    python = ROOT / folder / "bin" / "python"
    if not python.exists():
        sentence = f"the SDKs are not installed in {folder}; run: scripts/sdk-env"
        if CI:
            pytest.fail(sentence)
        pytest.skip(sentence)
    return python
