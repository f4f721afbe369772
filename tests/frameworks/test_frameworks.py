"""The adapters with real SDKs and frameworks of two generations, each in its own environment."""

import subprocess

import pytest

from tests.side_environment import ROOT, interpreter

SUITES = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests/frameworks").glob("suite_*.py"))]


@pytest.mark.sdk
@pytest.mark.timeout(500)
@pytest.mark.parametrize("environment", [".venv-sdk", ".venv-sdk-older"])
def test_the_adapters_work_with_what_is_installed(environment: str) -> None:
    options = ["-q", "--confcutdir", "tests/frameworks", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [interpreter(environment), "-m", "pytest", *options, *SUITES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=480,
    )

    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
