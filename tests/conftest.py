"""What all tests share: a private PostgreSQL, a state directory, the list of suites run."""

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import pytest

from tests.postgres import PostgresDatabases
from tests.postgres.shared import SharedPostgres

SUITES = ("sqlite", "postgres", "sdk", "clients")
SHARED_POSTGRES = pytest.StashKey[SharedPostgres]()

# No deadline per example: that would assert wall-clock time.
hypothesis.settings.register_profile("chattool", deadline=None, print_blob=True)
hypothesis.settings.load_profile("chattool")


class XdistNode(Protocol):
    """What is used here of xdist's view of a worker."""

    config: pytest.Config
    workerinput: dict[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started in the background by a shell. Children would inherit it, and no test could interrupt them.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[SHARED_POSTGRES] = shared = SharedPostgres()
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        shared.from_controller(workerinput["postgres"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: XdistNode) -> None:
    node.workerinput["postgres"] = node.config.stash[SHARED_POSTGRES].to_worker()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[SHARED_POSTGRES].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        parameters = item.callspec.id.split("-") if hasattr(item, "callspec") else []
        for suite in SUITES:
            if suite in parameters or f"{suite}_server" in getattr(item, "fixturenames", ()):
                item.add_marker(suite)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    outcomes = {suite: Counter[str]() for suite in SUITES}
    parts: dict[str, set[str]] = {suite: set() for suite in SUITES}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            # The report of a module that does not even import has no keywords.
            for suite in outcomes.keys() & set(getattr(report, "keywords", ())):
                outcomes[suite][outcome] += 1
            for suite, part in getattr(report, "user_properties", ()):
                if outcome == "passed" and suite in parts:
                    parts[suite].add(str(part))
    terminalreporter.section("suites")
    for suite, counts in outcomes.items():
        ran = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        named = f" ({', '.join(sorted(parts[suite]))})" if parts[suite] else ""
        terminalreporter.line(f"{suite}: {ran or 'no tests'}{named}")
    if note := terminalreporter.config.stash[SHARED_POSTGRES].summary():
        terminalreporter.line(note)


class Golden:
    """Compares documents with files in ``tests/golden``, or with ``--update-golden`` writes them."""

    def __init__(self, *, update: bool) -> None:
        self._update = update

    def check(self, name: str, document: object) -> None:
        path = Path(__file__).parent / "golden" / name
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if self._update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, f"{name} differs; see pytest --update-golden"

    def check_section(self, page: Path, title: str, text: str) -> None:
        """Compare ``text`` with a section of a page, or write it there."""
        before, heading, rest = page.read_text(encoding="utf-8").partition(f"\n## {title}\n")
        assert heading, f"{page.name} has no section {title!r}"
        intro, fence, after = rest.partition("```text\n")
        shown, closing, others = after.partition("\n```\n")
        if self._update:
            page.write_text(f"{before}{heading}{intro}{text}\n{others}", encoding="utf-8")
            return
        assert fence + shown + closing.rstrip() == text, f"{page.name} differs; see pytest --update-golden"


@pytest.fixture
def golden(pytestconfig: pytest.Config) -> Golden:
    """What models are shown, kept in files so that no change of it goes unseen."""
    return Golden(update=pytestconfig.getoption("--update-golden"))


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> PostgresDatabases:
    """Databases on a private server; skips without one, or fails where CI=true."""
    answer = pytestconfig.stash[SHARED_POSTGRES].answer()
    if isinstance(answer, PostgresDatabases):
        return answer
    if os.environ.get("CI") == "true":
        pytest.fail(answer)
    pytest.skip(answer)


@pytest.fixture(autouse=True)
def own_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps every test away from the state directory, and from the terminal, of whoever runs it."""
    monkeypatch.setenv("CHATTOOL_HOME", str(tmp_path / "chattool-home"))
    for name in ("CHATTOOL_URL", "CHATTOOL_USER", "CHATTOOL_CHAT", "COLUMNS", "LINES", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
