"""What ``chattool doctor`` looks at in a database that servers and daemons work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.cli.verdicts import failed, ok, warning
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chattool.cli.verdicts import Check
    from db.transactions import Store
    from provisioner.fleet import FleetState

_LISTED_DAEMONS = 10


async def secret_check(store: Store, path: Path | None) -> Check:
    """Whether the values that templates keep can be read here; ``path`` is that of a SQLite file."""
    from db import secrets
    from provisioner import stored_secrets

    kept = await store.read(stored_secrets.count)
    if not secrets.has_key(path):
        # Looked at first, since opening a value would make a key for a SQLite file that has lost its own.
        if kept:
            advice = f"give {secrets.VARIABLE}, or put the key file back: builds of these templates fail"
            return failed("secret key", f"missing here, and {kept} stored values need it", advice)
        if path is None:
            advice = f"make one: chattool secrets new-key; set it as {secrets.VARIABLE} for every server"
            return warning("secret key", "none; values of template variables will be refused", advice)
        return ok("secret key", "will be made when it is needed")
    try:
        await store.read(stored_secrets.open_all)
    except ChattoolError as error:
        return failed("secret key", str(error), f"put the key of before behind a comma: {secrets.VARIABLE}")
    return ok("secret key", f"opens all {kept} stored values" if kept else "there, and not needed yet")


async def fleet_checks(store: Store) -> Sequence[Check]:
    """Daemons and queue."""
    from provisioner import fleet
    from provisioner.settings import ProvisionerSettings

    state = await store.read(fleet.state, daemon_offline=ProvisionerSettings().daemon_offline)
    return [_daemons(state), _queue(state)]


def _daemons(state: FleetState) -> Check:
    names = [daemon.name for daemon in state.online[:_LISTED_DAEMONS]]
    if len(state.online) > len(names):
        names.append("…")
    text = f"{len(state.online)} online" + (f": {', '.join(names)}" if names else "")
    if state.daemons_offline:
        text += f"; {state.daemons_offline} offline"
    return ok("daemons", text)


def _queue(state: FleetState) -> Check:
    pending = sum(line.jobs for line in state.lines)
    text = f"{state.running} jobs running, {pending} waiting"
    stranded = [line for line in state.lines if line.without_daemon]
    if not stranded:
        return ok("queue", text)
    kinds = ", ".join(
        f"{line.without_daemon} of {line.provisioner} with tags {line.tags}" for line in stranded
    )
    return warning(
        "queue",
        f"{text}; no daemon online can take {kinds}",
        "start a daemon that has these tags: chattool daemon --tag NAME=VALUE",
    )
