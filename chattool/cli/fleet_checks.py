"""What ``chattool doctor`` looks at in a database that servers and daemons work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.cli.verdicts import failed, ok, warning

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

    trouble = await stored_secrets.key_trouble(store, path)
    if trouble is not None:
        verdict = failed if trouble.builds_fail else warning
        return verdict("secret key", trouble.text, trouble.advice)
    if not secrets.has_key(path):
        return ok("secret key", "will be made when it is needed")
    kept = await store.read(stored_secrets.count)
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
