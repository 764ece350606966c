"""Log lines: JSON in the data directory, readable on standard error, never in the way."""

import asyncio
import io
import json
import logging

import pytest
import structlog
from structlog.testing import capture_logs

from daemon import logs
from daemon.timebase import Timebase


@pytest.fixture
def console():
    before, root = structlog.get_config(), logging.getLogger()
    level, libraries = root.level, {name: logging.getLogger(name).level for name in logs.LIBRARIES}
    yield io.StringIO()
    logs.close()
    for handler in list(root.handlers):
        if isinstance(handler, logging.NullHandler):
            root.removeHandler(handler)
    root.setLevel(level)
    for name, value in libraries.items():
        logging.getLogger(name).setLevel(value)
    structlog.reset_defaults()
    structlog.configure(**before)


def lines(directory):
    return [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]


def test_a_line_is_an_event_with_facts(tmp_path, console):
    logs.configure(tmp_path / "data", console=console)
    structlog.get_logger("rig").warning("poll.failed", signal="bath.temperature", n=3)
    (line,) = lines(tmp_path / "data")
    time = line.pop("time")
    assert line == {
        "level": "warning", "event": "poll.failed", "logger": "rig",
        "signal": "bath.temperature", "n": 3,
    }  # fmt: skip
    assert time.endswith("Z")
    assert "poll.failed" in console.getvalue()
    assert "signal=bath.temperature" in console.getvalue()


def test_a_log_that_somebody_removes_or_moves_away_is_begun_anew(tmp_path, console):
    logs.configure(tmp_path, console=console)
    log, file = structlog.get_logger("rig"), tmp_path / "log.jsonl"
    log.info("one")
    file.unlink()
    log.info("two")
    assert [line["event"] for line in lines(tmp_path)] == ["two"]
    file.rename(tmp_path / "kept.jsonl")
    log.info("three")
    assert [line["event"] for line in lines(tmp_path)] == ["three"]
    assert "two" in (tmp_path / "kept.jsonl").read_text()


@pytest.mark.virtual
async def test_times_are_the_loops(tmp_path, console):
    logs.configure(tmp_path, timebase=Timebase.virtual(), console=console)
    await asyncio.sleep(90.5)
    structlog.get_logger("rig").info("run.started")
    assert lines(tmp_path)[0]["time"] == "2000-01-01T00:01:30.500Z"


@pytest.mark.virtual
async def test_a_logger_that_was_used_follows_a_later_configuration(tmp_path, console):
    used = structlog.get_logger("rig")
    logs.configure(tmp_path / "one", console=console)
    used.info("run.started")
    logs.configure(tmp_path / "two", timebase=Timebase.virtual(), console=console)
    await asyncio.sleep(90.5)
    used.info("run.ended")
    assert lines(tmp_path / "one")[0]["time"] > "2020"
    (line,) = lines(tmp_path / "two")
    assert (line["event"], line["time"]) == ("run.ended", "2000-01-01T00:01:30.500Z")
    with capture_logs() as caught:
        used.info("run.seen")
    assert [found["event"] for found in caught] == ["run.seen"]


async def test_without_a_timebase_times_are_the_systems(tmp_path, console):
    logs.configure(tmp_path, console=console)
    structlog.get_logger("rig").info("run.started")
    assert lines(tmp_path)[0]["time"] > "2020"


def test_what_libraries_say_goes_the_same_way_from_warnings_upwards(tmp_path, console):
    logs.configure(tmp_path, console=console)
    logging.getLogger("pymodbus.client").warning("no answer from %s", "unit 3")
    logging.getLogger("pymodbus.client").info("connected")
    (line,) = lines(tmp_path)
    assert (line["event"], line["logger"]) == ("no answer from unit 3", "pymodbus.client")


def test_the_console_can_be_quieter_than_the_file(tmp_path, console):
    logs.configure(tmp_path, console=console, console_level=logging.WARNING)
    structlog.get_logger("rig").info("run.started")
    structlog.get_logger("rig").debug("wire.sent", data=b"\x00")
    assert [line["event"] for line in lines(tmp_path)] == ["run.started"]
    assert console.getvalue() == ""


def test_an_exception_is_kept_with_its_traceback(tmp_path, console):
    logs.configure(tmp_path, console=console)
    try:
        raise ValueError("why")
    except ValueError:
        structlog.get_logger("rig").exception("command.crashed")
    (line,) = lines(tmp_path)
    assert "ValueError: why" in line["exception"]
    assert "ValueError: why" in console.getvalue()


def test_context_is_bound_once(tmp_path, console):
    logs.configure(tmp_path, console=console)
    with structlog.contextvars.bound_contextvars(run_id="e-0001"):
        structlog.get_logger("rig").info("step.done")
    assert lines(tmp_path)[0]["run_id"] == "e-0001"


def test_a_second_set_up_replaces_the_first(tmp_path, console):
    logs.configure(tmp_path / "one", console=console)
    logs.configure(tmp_path / "two", console=console)
    structlog.get_logger("rig").info("run.started")
    assert lines(tmp_path / "one") == []
    assert len(lines(tmp_path / "two")) == 1


def test_a_directory_that_cannot_be_written_is_told_and_the_console_goes_on(
    tmp_path, console, capsys
):
    (tmp_path / "file").write_text("")
    logs.configure(tmp_path / "file" / "data", console=console)
    assert "no log is kept" in capsys.readouterr().err
    structlog.get_logger("rig").info("run.started")
    assert "run.started" in console.getvalue()


def test_a_line_that_cannot_be_written_is_counted_and_said_once(tmp_path, console, capsys):
    logs.configure(tmp_path, console=console)
    (handler,) = [
        h
        for h in logging.getLogger().handlers
        if isinstance(h, logging.FileHandler) and h.baseFilename.endswith("log.jsonl")
    ]
    handler.stream.close()
    handler.stream = Full()
    for _ in range(3):
        structlog.get_logger("rig").info("run.started")
    assert handler.lost == 3
    assert capsys.readouterr().err.count("log.lost: [Errno 28] No space left") == 1
    assert console.getvalue().count("run.started") == 3


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text):
        raise OSError(28, "No space left on device")
