"""The example templates that come with chattool."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def bundled_templates() -> list[Path]:
    """The templates' folders, by name. A wheel holds them; a checkout has them beside the packages."""
    packaged = _HERE / "_templates"
    folder = packaged if packaged.is_dir() else _HERE.parent / "examples" / "templates"
    return sorted(path.parent for path in folder.glob("*/template.toml"))
