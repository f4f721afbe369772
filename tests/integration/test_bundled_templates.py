"""The templates that come with chattool work as they are."""

from pathlib import Path

import pytest

from chattool.bundled_templates import bundled_templates
from provisioner.archive import packed, unpack
from provisioner.template_toml import read_readme, read_template


@pytest.mark.parametrize("folder", bundled_templates(), ids=lambda folder: folder.name)
def test_a_bundled_template_can_be_pushed(folder: Path, tmp_path: Path) -> None:
    unpack(packed(folder), tmp_path)

    template = read_template(tmp_path)

    assert template.name == folder.name
    assert template.start_cost > template.stop_cost
    assert template.agents[0].startup_script
    assert read_readme(tmp_path).startswith("# ")


def test_both_templates_are_bundled() -> None:
    assert [folder.name for folder in bundled_templates()] == ["python-dev", "scratch"]
