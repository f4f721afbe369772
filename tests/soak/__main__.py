"""Two servers, four remote daemons and PostgreSQL take builds while one of them is killed every few seconds.

At the end every build has ended, no budget was overspent at any sample, and the ledger is what replaying the
builds says.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from db import migrations, provisioner_keys, secrets, templates, tokens, users
from db.engine import open_store
from db.ids import GroupId
from db.states import ProvisionerType
from provisioner import imports
from tests.echo_templates import AGENT, Step, costing
from tests.postgres import PostgresServer
from tests.soak import books, load
from tests.soak.fleet import Fleet
from tests.soak.plan import FULL, SHORT, Plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from db.records import Organization, User
    from db.transactions import Connection, Store

_REST = timedelta(seconds=150)
_SAMPLE = timedelta(seconds=1)
# A stop is never refused, so one that costs nothing keeps an owner within the budget.
_FREE: list[Step] = [{"complete": {"cost": 0}}]
_APPLY: list[Step] = [
    {"log": {"level": "info", "output": "at it"}},
    {"delay_ms": 300},
    {"complete": {"state": "made", "resources": [AGENT]}},
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a minute instead of many; runs in CI")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the logs of all processes there")
    options = parser.parse_args()
    plan = SHORT if options.short else FULL
    with tempfile.TemporaryDirectory(prefix="chattool-soak-") as temporary, PostgresServer() as databases:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = asyncio.run(_soak(plan, asyncio.run(databases.create_database()), folder))
    for complaint in found:
        _say(f"WRONG  {complaint}")
    return int(bool(found))


async def _soak(plan: Plan, url: str, folder: Path) -> list[str]:
    await asyncio.to_thread(migrations.upgrade, url)
    async with open_store(url) as store, asyncio.timeout(plan.limit.total_seconds()):
        organization, owner = await store.write(users.ensure_owner, "ana")
        await store.write(users.set_allowance, GroupId(organization.id), load.BUDGET)
        _, key = await store.write(provisioner_keys.create, organization.id, "soak", {})
        fleet = Fleet(folder=folder, database=url, key=key, secret_key=secrets.new_key(), plan=plan)
        async with fleet:
            _say(f"{plan.servers} servers and {plan.daemons} daemons are ready")
            template_id = await _template(store, organization, owner)
            owners = [await store.write(_owner, organization, number) for number in range(plan.owners)]
            asked = load.Load(urls=fleet.urls, template_id=template_id)
            samples: list[str] = []
            started = perf_counter()
            async with (
                _meanwhile(books.sampled(store, organization.id, _SAMPLE, samples)),
                _meanwhile(fleet.kill_one_after_another(plan.kill_every)),
            ):
                await asked.run(owners, plan.builds // plan.owners, plan.at_once)
            elapsed = perf_counter() - started
            rested = await books.at_rest(store, _REST)
        kills = {member.name: member.kills for member in fleet.members}
        _say(f"{plan.builds} builds of {plan.owners} owners in {elapsed:.0f} s")
        _say(f"outcomes {dict(asked.outcomes)}, requests made again {asked.retried}")
        _say(f"killed {kills}; budgets looked at {len(samples)} times")
        found = await books.complaints(store, organization.id, plan.builds)
        found += [f"overspent at sample {n}: {text}" for n, text in enumerate(samples) if text]
        found += [f"{count} builds {what}" for what, count in asked.outcomes.items() if ":" in what]
        return found if rested else [*found, "some jobs have not ended"]


async def _template(store: Store, organization: Organization, owner: User) -> str:
    """The id of a template whose import the fleet has done."""
    version_id, _ = await store.write(
        imports.push,
        organization_id=organization.id,
        initiator_id=owner.id,
        name="echo",
        archive=costing(load.COST, apply=_APPLY, stop_plan=_FREE),
        provisioner=ProvisionerType.ECHO,
    )
    if not await books.at_rest(store, _REST):
        message = "no daemon has imported the template"
        raise TimeoutError(message)
    return str((await store.read(templates.version, version_id)).template_id)


def _owner(conn: Connection, organization: Organization, number: int) -> tuple[str, str]:
    name = f"owner-{number}"
    user = users.create_user(conn, name, [organization.id])
    _, token = tokens.create(conn, user.id, name="soak", scope="all", lifetime=timedelta(days=1))
    return name, token


@asynccontextmanager
async def _meanwhile(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run ``work`` until the block ends; what goes wrong in it ends the block."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        yield
        task.cancel()


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the result of this command


if __name__ == "__main__":
    sys.exit(main())
