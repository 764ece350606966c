"""A trace file on a disk that fills, and a run that is recorded."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.cli import main
from daemon.trace.file import TraceFile
from daemon.trace.recording import role_calls
from simulators.virtualtime import run
from tests.daemon.trace.record import SMALL, record

EXAMPLE = Path(__file__).parents[3] / "config" / "flow.toml"
HEAD = {"k": "head", "version": 1}


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_ends_at_its_limit_and_says_so(tmp_path):
    path = tmp_path / "t.jsonl"
    with capture_logs() as logs:
        file = TraceFile(path, HEAD, limit_bytes=1000)
        for k in range(100):
            file.write({"k": ">", "t": k / 10, "line": 0, "hex": "00" * 8})
        file.close(10.0)
    assert path.stat().st_size < 1200
    last = lines_of(path)[-1]
    assert last["k"] == "end"
    assert last["why"] == "the size limit of 1000 bytes is reached"
    assert [log["event"] for log in logs] == ["trace.ended"]
    assert lines_of(path)[0]["limit_bytes"] == 1000


def test_a_full_disk_ends_the_trace_and_not_the_run():
    with capture_logs() as logs:
        run(record(Path("/dev/full")))
    assert {log["event"] for log in logs} <= {"trace.ended", "trace.incomplete"}
    assert any("No space left" in log["why"] for log in logs)


def test_an_older_recording_is_kept(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("precious")
    TraceFile(path, HEAD).close(0.0)
    assert (tmp_path / "t.jsonl.1").read_text() == "precious"
    assert lines_of(path)[-1]["why"] == "closed"


def test_what_a_driver_calls_of_itself_is_part_of_the_call():
    calls = [line for line in lines_of(SMALL) if line["k"] == "call"]
    assert [c["do"] for c in calls if c["of"] == "pump"].count("stop") == 1  # set_flow has its own
    assert not [c for c in calls if c["do"] == "read"]  # a poll reads


def test_every_role_is_listened_to():
    assert {"identify", "poll", "set_flow", "refill", "heat_off", "turn", "acquire"} <= set(
        role_calls()
    )


@pytest.mark.no_cover  # a whole run
def test_a_run_is_recorded_and_its_recording_replays(tmp_path, capsys):
    config, trace = tmp_path / "rig.toml", tmp_path / "run.jsonl"
    config.write_text(EXAMPLE.read_text().replace("experiments = 40", "experiments = 1"))
    command = ["run", str(config), "--simulate", "--speed", "max", "--once"]
    command += ["--data", str(tmp_path / "data"), "--trace", str(trace)]
    assert main(command) == 0
    capsys.readouterr()
    assert main(["replay", str(trace), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["matches"]
    assert document["ended"] == "closed"
    assert document["instruments"]["pump-a"]["readings"]["flow"]["n"] > 1000


@pytest.mark.parametrize("where", ["/nowhere/t.jsonl", "/proc/t.jsonl"])
def test_a_trace_that_cannot_be_written_is_a_mistake_before_anything_opens(where, tmp_path, capsys):
    command = ["run", str(EXAMPLE), "--simulate", "--speed", "max", "--once", "--trace", where]
    assert main([*command, "--data", str(tmp_path / "data")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"--trace {where}: cannot be written: ")
    assert len(error.splitlines()) == 1
