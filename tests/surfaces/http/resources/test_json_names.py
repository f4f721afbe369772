"""The JSON names of every object, compared with what Coder calls them; ours are additions, named here."""

import pytest
from pydantic import BaseModel

from chattool.api.models import builds, chats, jobs, templates, workspaces

#: What each object has, as in Coder's API; a question mark: left out when empty.
NAMES: dict[type[BaseModel], str] = {
    jobs.ProvisionerJob: """id created_at started_at? completed_at? canceled_at? error? error_code?
        failure_reason? failure_detail? retryable? status worker_id? worker_name? file_id tags queue_position
        queue_size organization_id initiator_id input type available_workers? metadata? logs_overflowed
        attempt""",
    jobs.ProvisionerJobInput: "template_version_id? workspace_build_id?",
    jobs.ProvisionerJobMetadata: """template_version_name template_id? template_name template_display_name
        workspace_id? workspace_name?""",
    jobs.ProvisionerJobLog: "id created_at log_source log_level stage output",
    jobs.MatchedProvisioners: "count available most_recently_seen?",
    jobs.ProvisionerDaemon: """id organization_id key_id created_at last_seen_at name version api_version
        provisioners tags status current_job? previous_job?""",
    builds.WorkspaceBuild: """id created_at updated_at workspace_id workspace_name workspace_owner_id
        workspace_owner_name template_version_id template_version_name build_number transition initiator_id
        initiator_name job reason resources deadline? status daily_cost planned_cost? matched_provisioners?
        template_version_preset_id?""",
    builds.WorkspaceResource: """id created_at job_id workspace_transition type name hide icon agents?
        metadata? daily_cost""",
    builds.WorkspaceResourceMetadata: "key value sensitive",
    builds.WorkspaceBuildParameter: "name value",
    workspaces.Workspace: """id created_at updated_at owner_id owner_name organization_id organization_name
        template_id template_name template_display_name template_active_version_id?
        template_require_active_version latest_build outdated name ttl_ms? last_used_at deleted health""",
    workspaces.WorkspaceHealth: "healthy failing_agents",
    workspaces.Workspaces: "workspaces count",
    templates.TemplateVersion: """id template_id? organization_id created_at updated_at name message job
        readme created_by archived matched_provisioners?""",
    templates.Creator: "id username",
    templates.Template: """id created_at updated_at organization_id name display_name provisioner
        active_version_id? active_user_count description deprecated icon default_ttl_ms
        allow_user_cancel_workspace_jobs require_active_version""",
    templates.TemplateVersionParameter: """name display_name? description type form_type? mutable
        default_value icon options validation_error? validation_regex? validation_min? validation_max?
        validation_monotonic? required ephemeral""",
    templates.TemplateVersionParameterOption: "name description value icon",
    templates.Preset: "ID Name Default Description? Icon? Parameters",
    templates.PresetParameter: "Name Value",
    templates.UploadedFile: "hash",
    chats.Chat: "id owner_id organization_id workspace_id? build_id? agent_id? last_error?",
    chats.ChatError: "message retryable detail? kind? provider? code? status_code? reset_at?",
}
ADDITIONS: dict[type[BaseModel], str] = {
    jobs.ProvisionerJob: "stage?",
    workspaces.Workspace: "template_icon",
    templates.Template: "organization_name deprecation_message",
    templates.TemplateVersion: "start_cost? stop_cost? has_external_agent",
    templates.TemplateVersionParameterOption: "cost",
    chats.Chat: "key created_at updated_at",
}


@pytest.mark.parametrize("model", NAMES, ids=lambda model: model.__name__)
def test_an_object_has_the_names_it_should_have(model: type[BaseModel]) -> None:
    wanted = {*NAMES[model].split(), *ADDITIONS.get(model, "").split()}
    schema = model.model_json_schema(mode="serialization", by_alias=True)

    required = set(schema.get("required", ()))
    found = {name if name in required else f"{name}?" for name in schema["properties"]}

    assert found == wanted


@pytest.mark.parametrize("model", NAMES, ids=lambda model: model.__name__)
def test_nothing_is_documented_as_null(model: type[BaseModel]) -> None:
    assert "null" not in str(model.model_json_schema(mode="serialization"))


def test_the_codes_of_a_failed_job_are_an_enum() -> None:
    schema = jobs.ProvisionerJob.model_json_schema(mode="serialization")

    assert schema["$defs"]["JobErrorCode"]["enum"] == [
        "REQUIRED_TEMPLATE_VARIABLES",
        "MISSING_TEMPLATE_PARAMETER",
        "INSUFFICIENT_QUOTA",
    ]
