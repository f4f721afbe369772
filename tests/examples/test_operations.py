"""The files that operators copy: alerts that name what a server reports, and units that systemd accepts."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from typer.main import get_command

from chattool.cli.app import app
from db import migrations
from db.engine import open_store
from tests.scenario import Scenario
from tests.surfaces.http.api_host import ApiHost, api_host

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
ALERTS = ROOT / "examples" / "prometheus" / "alerts.yml"
UNITS = sorted((ROOT / "examples" / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAM = "/opt/chattool/bin/chattool"
ANALYZE = shutil.which("systemd-analyze")
#: Not of a chattool server: Prometheus' own, and that of the alert on the daily check.
FOREIGN = {"up": {"job"}, "node_systemd_unit_state": {"name", "state"}}
SELECTOR = re.compile(r"\b((?:chattool|node|process)_\w+|up)\b(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby \(([^)]*)\)")


def rules() -> Iterator[dict[str, object]]:
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiHost]:
    url = f"sqlite:///{tmp_path}/server.db"
    await asyncio.to_thread(migrations.upgrade, url)
    async with open_store(url) as store, api_host(store) as host:
        yield host


async def reported(api: ApiHost) -> dict[str, set[str]]:
    """The labels of each sample that a server reports which has been at work."""
    scenario = await Scenario.on(api.store)
    await scenario.running(1)
    await scenario.create()
    async with httpx.AsyncClient() as nobody:
        await nobody.get(f"{api.root}/healthz")
        text = (await nobody.get(f"{api.root}/metrics")).text
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? ", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels.replace(r"\"", "")))
    return found


async def test_alerts_ask_for_metrics_and_labels_that_a_server_reports(api: ApiHost) -> None:
    known = await reported(api) | FOREIGN
    for rule in rules():
        expression = str(rule["expr"])
        asked = SELECTOR.findall(expression)
        assert asked, rule
        for name, matchers in asked:
            assert name in known, rule["alert"]
            assert set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers)) <= known[name], rule["alert"]
        labels = set().union(*(known[name] for name, _ in asked))
        for grouping in GROUPING.findall(expression):
            assert set(re.findall(r"\w+", grouping)) <= labels, rule["alert"]


def test_the_guide_says_of_each_alert_what_to_do_and_of_none_that_is_not_there() -> None:
    section = GUIDE.partition("\n## Alerts\n")[2].partition("\n## ")[0]

    assert set(re.findall(r"`(Chattool\w+)`", section)) == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name
)
def test_units_start_commands_and_options_that_exist(unit: Path) -> None:

    line = next(
        line for line in unit.read_text(encoding="utf-8").splitlines() if line.startswith("ExecStart=")
    )
    program, command, *words = line.removeprefix("ExecStart=").split()

    known = {option for parameter in get_command(app).commands[command].params for option in parameter.opts}  # type: ignore[attr-defined]
    assert program == PROGRAM
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.skipif(ANALYZE is None, reason="only systemd knows its units")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace(
            "/opt/chattool/bin/chattool", shutil.which("true") or ""
        )
        (tmp_path / unit.name).write_text(text, encoding="utf-8")

    verified = subprocess.run(
        [str(ANALYZE), "verify", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (verified.returncode, verified.stderr) == (0, "")
