"""Typed ids. All are UUIDs; the types keep a build's id from being passed for a job's."""

from __future__ import annotations

from typing import NewType
from uuid import UUID, uuid4

OrganizationId = NewType("OrganizationId", UUID)
UserId = NewType("UserId", UUID)
GroupId = NewType("GroupId", UUID)
FileId = NewType("FileId", UUID)
TemplateId = NewType("TemplateId", UUID)
TemplateVersionId = NewType("TemplateVersionId", UUID)
PresetId = NewType("PresetId", UUID)
WorkspaceId = NewType("WorkspaceId", UUID)
BuildId = NewType("BuildId", UUID)
JobId = NewType("JobId", UUID)
DaemonId = NewType("DaemonId", UUID)
ProvisionerKeyId = NewType("ProvisionerKeyId", UUID)
ResourceId = NewType("ResourceId", UUID)
AgentId = NewType("AgentId", UUID)
ChatId = NewType("ChatId", UUID)
AgentCallId = NewType("AgentCallId", UUID)
TokenId = NewType("TokenId", UUID)


def new_id() -> UUID:
    """A fresh random id; wrap it in the type it is for."""
    return uuid4()
