"""One engine per state directory, started by whoever needs it first."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from chattool.background import EngineNotStarted, HomeUnusable, ensure, status
from chattool.background.log_file import SIZE_LIMIT_BYTES
from chattool.background.state import Phase
from tests.integration.background.engine_home import EngineHome, end_processes, run_python


async def test_eight_processes_that_ask_at_once_get_the_same_engine(home: EngineHome) -> None:
    command = ("-m", "chattool.background", "--home", str(home.home))
    answers = await asyncio.gather(*(run_python(*command) for _ in range(8)))

    engine = status(home.home)
    assert engine.running
    assert answers == [(0, f"the engine runs as process {engine.pid}; log: {home.log}\n")] * 8
    assert home.log.read_text().count('event="the engine is ready"') == 1


async def test_an_engine_that_runs_is_used_again(home: EngineHome) -> None:
    assert (await home.ensure()).pid == (await home.ensure()).pid


async def test_asking_for_an_engine_leaves_a_mark_that_keeps_it(home: EngineHome) -> None:
    await home.ensure()
    before = home.lock.stat().st_mtime_ns

    await home.ensure()

    assert home.lock.stat().st_mtime_ns > before


async def test_a_killed_engine_is_followed_by_another(home: EngineHome) -> None:
    first = await home.ensure()
    await home.kill(first)
    assert not status(home.home).running

    second = await home.ensure()

    assert second.phase is Phase.READY
    assert second.pid != first.pid


async def test_an_engine_of_an_older_release_is_replaced(home: EngineHome) -> None:
    older = await home.ensure()
    home.state.write_text(json.dumps(json.loads(home.state.read_text()) | {"version": "0.0.9"}))

    newer = await home.ensure()

    assert newer.pid != older.pid
    assert newer.version != "0.0.9"


async def test_an_engine_of_a_newer_release_is_used(home: EngineHome) -> None:
    newer = await home.ensure()
    home.state.write_text(json.dumps(json.loads(home.state.read_text()) | {"version": "99.0"}))

    assert (await home.ensure()).pid == newer.pid


async def test_the_path_of_a_home_may_be_long_and_hold_what_paths_hold(tmp_path: Path) -> None:
    home = EngineHome(tmp_path / "a 'state' directory, ☃ & 100%" / ("x" * 200))
    try:
        template = await home.push_scratch()
        answer = await home.call("create_workspace", {"template_id": template})
    finally:
        end_processes(home)

    assert answer["agent_status"] == "ready"


async def test_a_home_with_a_question_mark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HomeUnusable):
        await ensure(tmp_path / "what?")


async def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(HomeUnusable) as refused:
        await ensure(tmp_path / "file" / "home")

    assert refused.value.code == "HOME_UNUSABLE"


async def test_a_read_only_home_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o500)

    code, output = await run_python(
        "-m", "tests.integration.background.without_privileges", "--home", str(home)
    )

    assert (code, output.count("\n")) == (1, 1)
    assert str(home) in output
    assert list(home.iterdir()) == []


async def test_a_log_that_cannot_be_written_is_told_before_anything_starts(home: EngineHome) -> None:
    home.log.mkdir(parents=True)

    with pytest.raises(HomeUnusable):
        await home.ensure()

    assert not status(home.home).running


async def test_an_engine_that_dies_at_its_start_is_an_error_with_its_last_words(home: EngineHome) -> None:
    home.home.mkdir()
    home.database.write_bytes(b"this is no database" * 100)

    with pytest.raises(EngineNotStarted) as failed:
        await home.ensure()

    assert failed.value.code == "ENGINE_NOT_STARTED"
    assert str(home.database) in failed.value.last_lines[-1]
    assert not status(home.home).running


async def test_an_engine_starts_once_what_kept_it_from_it_is_gone(home: EngineHome) -> None:
    home.home.mkdir()
    home.database.write_bytes(b"this is no database" * 100)
    with pytest.raises(EngineNotStarted):
        await home.ensure()
    home.database.unlink()

    assert (await home.ensure()).phase is Phase.READY


async def test_a_second_engine_in_the_foreground_is_refused(home: EngineHome) -> None:
    await home.ensure()

    code, output = await run_python("-m", "chattool.background", "--home", str(home.home), "--foreground")

    assert code == 1
    assert str(home.home) in output


async def test_the_log_is_started_anew_when_it_has_become_large(home: EngineHome) -> None:
    home.home.mkdir()
    home.log.write_bytes(b"." * (SIZE_LIMIT_BYTES + 1))

    await home.ensure()

    assert home.log.with_name("engine.log.1").stat().st_size > SIZE_LIMIT_BYTES
    assert "the engine is ready" in home.log.read_text()


async def test_an_engine_whose_home_was_removed_ends(
    home: EngineHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATTOOL_ENGINE_IDLE_SECONDS", "2")
    engine = await home.ensure()

    shutil.rmtree(home.home)

    await home.ended(engine)


@pytest.mark.parametrize("value", ["0", "-1", "soon", "1e300", "nan"])
async def test_an_idle_time_that_is_none_is_refused(
    home: EngineHome, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CHATTOOL_ENGINE_IDLE_SECONDS", value)

    code, output = await run_python("-m", "chattool.background", "--home", str(home.home))

    assert code == 2
    assert repr(value) in output
