"""Requests for Terraform builds of one imagined workspace."""

from uuid import UUID

from db.ids import BuildId, TemplateId, TemplateVersionId, UserId, WorkspaceId
from provisioner.protocol import WorkspaceMetadata

WORKSPACE = WorkspaceMetadata(
    workspace_id=WorkspaceId(UUID(int=1)),
    workspace_name="dev",
    owner_id=UserId(UUID(int=2)),
    owner_name="ada",
    owner_email="ada@example.com",
    owner_groups=("Everyone", "staff"),
    build_id=BuildId(UUID(int=3)),
    template_id=TemplateId(UUID(int=4)),
    template_name="tf",
    template_version_id=TemplateVersionId(UUID(int=5)),
    template_version_name="v1",
)
