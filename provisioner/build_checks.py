"""The checks of a request for a build against what the database knows; each raises ``RequestError``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from db.errors import NotFound, RequestError, Validation
from db.states import JobStatus, LogLevel, Transition, job_status
from provisioner.build_requests import ADMINISTRATOR, AUDITOR, TEMPLATE_ADMINISTRATOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.statements import Row
    from provisioner.build_requests import BuildRequest, Initiator


def transition_of(value: str) -> Transition:
    """The transition of that name.

    Raises:
        RequestError: 400, there is none.
    """
    try:
        return Transition(value)
    except ValueError:
        raise RequestError(400, f'Transition "{value}" not supported.') from None


def check_access(
    row: Row | None, initiator: Initiator, request: BuildRequest, transition: Transition
) -> None:
    """Refuse what the initiator may not do with the workspace, and what is no request at all."""
    if row is None:
        raise NotFound
    if row.owner_id != initiator.id and ADMINISTRATOR not in initiator.roles:
        if AUDITOR not in initiator.roles:
            raise NotFound
        action = "delete" if transition is Transition.DELETE else "update"
        raise RequestError(403, f"You do not have permission to {action} this workspace.")
    if row.deleted:
        raise RequestError(410, f"Workspace {row.name!r} was deleted.")
    if request.orphan and transition is not Transition.DELETE:
        raise RequestError(400, "Orphan is only permitted when deleting a workspace.")
    if request.orphan and request.state is not None:
        raise RequestError(400, "Orphan and a custom state exclude each other.")
    custom_state = request.orphan or request.state is not None
    if custom_state and not {ADMINISTRATOR, TEMPLATE_ADMINISTRATOR} & set(initiator.roles):
        raise RequestError(403, "Only template managers may provide custom state")
    if request.log_level not in ("", LogLevel.DEBUG):
        raise RequestError(400, f'Log level "{request.log_level}" not supported; the only one is debug.')
    if request.log_level and ADMINISTRATOR not in initiator.roles:
        raise RequestError(403, "Only administrators may set a log level.")


def check_version(row: Row, request: BuildRequest) -> None:
    """Refuse a template version that is not the template's, or that has not imported."""
    if row.version_id is None:
        if request.template_version_id is None:
            raise RequestError(400, "The template has no active version; push one that imports.")
        raise RequestError(400, "template version does not exist")
    if row.version_template_id != row.template_id:
        raise RequestError(400, "template version doesn't match template")
    status = job_status_of(row, "import")
    if status.active:
        message = f"The provided template version is {status}. Wait for it to complete importing!"
        raise RequestError(406, message)
    if status is not JobStatus.SUCCEEDED:
        message = f"The provided template version has failed to import: {row.import_error or status}"
        raise RequestError(400, message)


def chosen_preset(row: Row, request: BuildRequest) -> Mapping[str, Any] | None:
    """The preset that was asked for; ``None`` when none was."""
    if request.preset_id is None:
        return None
    presets: Sequence[Mapping[str, Any]] = row.version_presets
    for preset in presets:
        if preset["id"] == str(request.preset_id):
            return preset
    unknown = Validation(
        field="template_version_preset_id", detail="The template version has no such preset."
    )
    raise RequestError(400, "Unknown preset.", validations=[unknown])


def job_status_of(row: Row, prefix: str) -> JobStatus:
    """The status of the job whose columns in the row begin with ``prefix``."""
    return job_status(
        **{c: getattr(row, f"{prefix}_{c}") for c in ("started_at", "canceled_at", "completed_at", "error")}
    )
