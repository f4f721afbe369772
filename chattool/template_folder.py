"""What a template's folder says about itself before it is uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.states import ProvisionerType
from provisioner.errors import TemplateInvalid
from provisioner.template_toml import FILE_NAME, read_template

if TYPE_CHECKING:
    from pathlib import Path


def provisioner_of(folder: Path) -> ProvisionerType:
    """Which provisioner a folder is for, told by its files.

    Raises:
        TemplateInvalid: it has no template's file.
    """
    if not folder.is_dir():
        message = f"{folder} is not a folder"
        raise TemplateInvalid(message)
    if any(folder.glob("*.tf")) or any(folder.glob("*.tf.json")):
        return ProvisionerType.TERRAFORM
    if (folder / FILE_NAME).is_file():
        return ProvisionerType.LOCAL
    if any(folder.glob("0.*.json")):
        return ProvisionerType.ECHO
    message = f"{folder / FILE_NAME} not found: a template is a folder with that file"
    raise TemplateInvalid(message)


def name_of(folder: Path) -> str:
    """The name in ``template.toml``, else the folder's.

    Raises:
        TemplateInvalid: the file cannot be read.
    """
    if (folder / FILE_NAME).is_file():
        return read_template(folder).name
    return folder.resolve().name
