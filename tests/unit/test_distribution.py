"""What is installed when somebody installs chattool."""

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

PACKAGES = {"chattool", "db", "provisioner", "quota"}
ROOT = Path(__file__).parents[2]


def build_wheel(target: Path) -> set[str]:
    """Build the wheel; the names of the files in it."""
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(target), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_four_packages_and_nothing_else(tmp_path: Path) -> None:
    names = build_wheel(tmp_path)

    roots = {name.split("/")[0] for name in names}
    assert {root for root in roots if not root.endswith(".dist-info")} == PACKAGES
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_the_wheel_holds_the_license(tmp_path: Path) -> None:
    names = build_wheel(tmp_path)

    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
