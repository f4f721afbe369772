"""The example templates that come with chattool."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def bundled_templates() -> list[Path]:
    """The folders of those that work everywhere as they are, by name.

    A wheel holds the templates; a checkout has them beside the packages.
    """
    packaged = _HERE / "_templates"
    folder = packaged if packaged.is_dir() else _HERE.parent / "examples" / "templates"
    # Those for Terraform need a program, and values for their variables.
    return sorted(path.parent for path in folder.glob("*/template.toml") if not any(path.parent.glob("*.tf")))
