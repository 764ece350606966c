"""What is read back: the campaign to resume, the status, exports, the event log."""

import asyncio
import csv
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.errors import ConfigError, StoreFailed
from daemon.store.documents import config_hash, real_boot_id, virtual_boot_id
from daemon.store.eventlog import event_log
from daemon.store.export import experiments_document, export, silent_runs
from daemon.store.ledger import in_use
from daemon.store.reader import Reader
from daemon.store.schema import FILE_NAME
from daemon.store.standing import best, front
from daemon.store.status import status, status_text
from daemon.timebase import wall_s
from planners.base import Problem
from planners.history import read_history
from tests.daemon.store.conftest import PROBLEM, Opened, reading

pytestmark = pytest.mark.virtual

POINT = {"temperature": 80.0, "equivalents.amine": 2.5}


def found(value, quality="ok"):
    return {"yield": {"value": value, "sd": 0.01, "quality": quality, "reason": ""}}


async def a_campaign(opened, values=(0.4, 0.7, 0.6)):
    store, bus = opened.open()
    store.begin_campaign(
        problem=PROBLEM,
        planner="bayes",
        seed=5,
        experiments=10,
        config_hash=config_hash("name='x'"),
    )
    bus.emit("campaign", state="running", reason="")
    for i, value in enumerate(values, start=1):
        bus.emit(
            "suggestion", id=f"s-{i}", state="proposed", point=POINT, predicted={}, origin="planner"
        )
        bus.emit("suggestion", id=f"s-{i}", state="started", experiment=f"e-{i}")
        bus.emit("experiment", id=f"e-{i}", state="running", requested=POINT)
        await asyncio.sleep(600)
        bus.emit("experiment", id=f"e-{i}", state="ok", responses=found(value), achieved=POINT)
        await asyncio.sleep(200)
    await store.commit()
    return store, bus


async def test_a_restart_finds_the_campaign_and_what_was_cut_short(opened):
    _, bus = await a_campaign(opened)
    bus.emit("suggestion", id="s-4", state="started", point=POINT, experiment="e-4")
    bus.emit("experiment", id="e-4", state="running", requested=POINT)
    bus.emit(
        "suggestion",
        id="s-5",
        state="proposed",
        point={"temperature": 1.0},
        predicted={"yield": {"mean": 1}},
    )
    bus.emit("suggestion", id="s-6", state="proposed", point=POINT)
    bus.emit("suggestion", id="s-6", state="vetoed", point=POINT)
    opened.lose()
    store, _ = opened.open("boot-2")
    assert store.interrupted == ("e-4",)
    assert store.campaign == "c-0001"
    with Reader(opened.directory) as reader:
        campaign = reader.campaign()
        assert reader.next_index() == 5
    assert not campaign.ended
    assert (campaign.planner, campaign.seed, campaign.wanted) == ("bayes", 5, 10)
    assert campaign.problem == PROBLEM
    assert campaign.config_hash == config_hash("name='x'")
    assert [e.status for e in campaign.experiments] == ["ok", "ok", "ok", "interrupted"]
    assert [s.id for s in campaign.cut_short] == ["s-4"]
    assert [(s.id, s.predicted) for s in campaign.waiting] == [("s-5", {"yield": {"mean": 1}})]
    record = campaign.experiments[1].record()
    assert record.responses["yield"].value == 0.7
    assert record.requested == POINT


async def test_status_tells_the_points_that_wait_for_a_word_from_those_that_wait_for_their_turn(
    opened,
):
    _, bus = await a_campaign(opened)
    for name in ("s-5", "s-6"):
        bus.emit("suggestion", id=name, state="proposed", point=POINT, predicted={}, reason="why")
    bus.emit("suggestion", id="s-5", state="approved", point=POINT)
    await opened.close()
    document = status(opened.directory)
    assert [row["id"] for row in document["proposed"]] == ["s-6"]
    assert [row["id"] for row in document["approved"]] == ["s-5"]
    lines = status_text(document).splitlines()
    assert [line[:18] for line in lines if "s-" in line] == [
        "proposed      s-6:",
        "approved      s-5:",
    ]


async def test_status_tells_what_is_expected_without_an_exponent(opened):
    _, bus = await a_campaign(opened)
    told = {"yield": {"mean": 12564.3, "sd": 1003.0}}
    bus.emit("suggestion", id="s-5", state="proposed", point=POINT, predicted=told, reason="why")
    await opened.close()
    assert "expects yield 12560 +/- 1000; why" in status_text(status(opened.directory))


@pytest.mark.parametrize(("approve", "called"), [(True, "proposed"), (False, "next")])
async def test_a_point_that_nobody_has_to_approve_is_called_the_next(opened, approve, called):
    store, bus = opened.open()
    store.begin_campaign(problem=PROBLEM, planner="bayes", seed=5, experiments=3)
    store.keep("campaign", {"approve": approve})
    bus.emit("suggestion", id="s-1", state="proposed", point=POINT, predicted={}, reason="why")
    await store.commit()
    assert f"{called:<14}s-1: temperature 80" in status_text(status(opened.directory))


async def test_what_is_still_to_be_handed_in_is_told_with_how(opened):
    store, bus = opened.open()
    store.begin_campaign(problem=PROBLEM, planner="bayes", seed=5, experiments=9)
    store.keep("campaign", {"late": ["purity"]})
    for n in range(1, 8):
        bus.emit("experiment", **record(n, {"yield": {"value": 0.5, "quality": "ok"}}))
    done = {"purity": {"value": 97.0, "quality": "ok"}}
    bus.emit("experiment", **record(8, done))
    await opened.close()
    text = status_text(status(opened.directory))
    assert "awaited       purity of e-0001, e-0002, e-0003, e-0004, e-0005 and 2 more\n" in text
    assert (
        "hand it in with `taylord result flow-1 e-0001 purity=VALUE`, while `taylord run`" in text
    )


def record(number, responses):
    told = {"id": f"e-{number:04d}", "state": "ok", "status": "ok", "requested": POINT}
    nothing = {"commanded": {}, "achieved": {}, "reason": "", "started": 0.0, "finished": 1.0}
    return told | nothing | {"responses": responses}


async def test_a_trip_by_a_person_is_told_with_the_reason(opened):
    _, bus = opened.open()
    bus.emit("trip", name="mqtt", signal=None, value=None, message="smoke", state="tripped")
    await opened.close()
    text = status_text(status(opened.directory))
    assert re.search(r"^trip +mqtt at \S+: smoke$", text, re.MULTILINE)


async def test_a_record_that_found_no_room_to_begin_is_begun_by_the_next_start(opened):
    opened.directory.mkdir(exist_ok=True)
    (opened.directory / FILE_NAME).touch()
    with pytest.raises(ConfigError, match="holds nothing yet"):
        Reader(opened.directory)
    store, bus = opened.open()
    await store.commit(bus.emit("decision", what="x"))
    with Reader(opened.directory) as reader:
        assert reader.campaign() is None


async def test_a_trip_by_silence_is_told_with_what_was_silent(opened):
    _, bus = opened.open()
    why = "p.pressure has not been read for 4 s"
    bus.emit("trip", name="clog", signal="p.pressure", value=None, message=why, state="tripped")
    await opened.close()
    text = status_text(status(opened.directory))
    assert re.search(rf"^trip +clog at \S+: {why}$", text, re.MULTILINE)


async def test_a_campaign_that_goes_on_is_of_as_many_experiments_as_the_file_asks_by_then(opened):
    await a_campaign(opened)
    store, _ = await opened.again()
    store.continue_campaign("c-0001", 14)
    await opened.close()
    assert status(opened.directory)["progress"]["of"] == 14


async def test_a_campaign_that_goes_on_with_another_objective_is_judged_by_that(opened):
    await a_campaign(opened)
    store, _ = await opened.again()
    before = status(opened.directory)["best"]
    responses = [{"name": "purity", "goal": "maximise"}]
    store.continue_campaign("c-0001", 14, problem={**PROBLEM, "responses": responses})
    await opened.close()
    assert before is not None
    assert status(opened.directory)["best"] is None


async def test_a_resumed_campaign_keeps_its_id_and_a_complete_one_does_not(opened):
    await a_campaign(opened)
    store, bus = await opened.again()
    bus.emit("campaign", state="running", reason="resumed")
    bus.emit("campaign", state="aborted", reason="by hand")
    store, bus = await opened.again("boot-3")
    assert store.campaign == "c-0001"
    bus.emit("campaign", state="complete", reason="")
    store, bus = await opened.again("boot-4")
    assert store.campaign is None
    bus.emit("campaign", state="running", reason="")
    await store.commit()
    with Reader(opened.directory) as reader:
        assert reader.campaign().id == "c-0002"
        assert reader.campaign("c-0001").state == "complete"
        assert reader.campaign("c-0001").finished is not None
        assert reader.campaign("c-0009") is None


async def test_it_is_remembered_that_a_failure_says_nothing_of_its_point(opened):
    store, bus = opened.open()
    store.begin_campaign(problem=PROBLEM, planner="bayes", seed=5, experiments=3)
    bus.emit("experiment", id="e-1", state="stopped", status="failed", blameless=True)
    bus.emit("experiment", id="e-2", state="stopped", status="failed")
    await store.commit()
    with Reader(opened.directory) as reader:
        records = [e.record() for e in reader.campaign().experiments]
    assert [record.blameless for record in records] == [True, False]


async def test_a_single_experiment_can_leave_the_campaign(opened):
    store, bus = await a_campaign(opened)
    store.leave_campaign()
    bus.emit("experiment", id="e-1", state="ok", requested={"temperature": 1.0})
    await store.commit()
    with Reader(opened.directory) as reader:
        assert len(reader.experiments()) == 4
        assert len(reader.experiments("c-0001")) == 3


async def test_equal_virtual_starts_in_one_directory_stay_apart(opened):
    store, bus = opened.open("same")
    bus.emit("command", id="act-1", origin="d", verb="v", arguments={}, outcome="done")
    store, bus = await opened.again("same")
    bus.emit("command", id="act-1", origin="d", verb="v", arguments={}, outcome="done")
    assert store.boot == "same-2"
    await store.commit()
    with Reader(opened.directory) as reader:
        assert reader.count("commands") == 2


async def test_the_status_tells_the_space_in_force(opened):
    store, bus = opened.open()
    given = {"problem": PROBLEM, "planner": "bayes", "seed": 5, "experiments": 10}
    space = {"factors": [{"name": "temperature", "low": 30.0, "high": 120.0}]}
    store.begin_campaign(**given, space={"configured": space, "current": space})
    edit = {"constraints": [{"terms": {"temperature": 1.0}, "at_most": 90.0}]}
    bus.emit("space", space=space | edit, configured=space, problem=PROBLEM)
    await store.commit()
    document = status(opened.directory)
    assert document["space"] == space | edit
    first, second = status_text(document).partition("space ")[2].splitlines()[:2]
    assert (first.strip(), second.strip()) == (
        "temperature: 30 to 120",
        "constraint 0: 1 temperature <= 90",
    )


async def test_an_alarm_of_the_last_start_does_not_stand_after_the_next(opened):
    _, bus = opened.open()
    bus.emit("alarm", id="a", name="campaign held", state="active", priority="medium", message="m")
    _, bus = await opened.again()
    assert status(opened.directory)["alarms"] == []


async def test_the_status_of_a_running_campaign(opened):
    _, bus = await a_campaign(opened)
    bus.emit("connection", instrument="bath", state="failed", message="gone")
    bus.emit("alarm", id="a", name="line pressure", state="active", priority="high", message="m")
    bus.emit("trip", name="line pressure", signal="p.pressure", value=21.5, state="tripped")
    document = status(opened.directory)
    assert json.loads(json.dumps(document)) == document
    assert document["rig"] == "flow-1"
    assert document["running"] is True
    assert document["state"] == "running"
    assert document["progress"] == {"done": 3, "of": 10, "ok": 3}
    assert document["best"]["id"] == "e-2"
    assert document["last"]["id"] == "e-3"
    assert document["trip"]["value"] == 21.5
    assert document["utilisation"] == pytest.approx(1800 / 2200)
    text = status_text(document)
    assert "flow-1 (daemon running)" in text
    assert "3 of 10 done (3 ok)" in text
    assert "line pressure at 2000-01-01T00:40:00.000Z: p.pressure = 21.5" in text
    assert "bath failed" in text
    assert "e-2 ok: temperature 80, equivalents.amine 2.5 -> yield 0.7" in text
    bus.emit("trip", name="line pressure", state="reset")
    assert status(opened.directory)["trip"] is None


async def test_the_status_after_the_daemon_died_says_interrupted(opened):
    await a_campaign(opened)
    opened.lose()
    document = status(opened.directory)
    assert (document["running"], document["state"]) == (False, "interrupted")
    assert "daemon not running" in status_text(document)


async def test_the_status_after_the_daemon_died_tells_nothing_as_if_it_still_ran(opened):
    _, bus = await a_campaign(opened)
    bus.emit("connection", instrument="bath", state="connected", message="")
    bus.emit("experiment", id="e-4", state="running", requested=POINT)
    await opened.store.commit()
    opened.lose()
    document = status(opened.directory)
    text = status_text(document)
    assert "(1 interrupted, 3 ok)" in text
    assert "e-4 interrupted: " in text
    assert "connections" not in text
    assert "may still pump and heat: `taylord safe CONFIG`" in text


async def test_after_an_end_in_good_order_nobody_is_sent_to_the_rig(opened):
    store, _ = await a_campaign(opened)
    assert not store.last_died
    await opened.close()
    assert "taylord safe" not in status_text(status(opened.directory))
    store, _ = opened.open("boot-2")
    assert not store.last_died
    opened.lose()
    store, _ = opened.open("boot-3")
    assert store.last_died


async def test_a_campaign_that_waits_in_a_new_start_is_still_interrupted_until_it_goes_on(opened):
    await a_campaign(opened)
    store, bus = await opened.again()
    await store.commit()
    document = status(opened.directory)
    assert (document["running"], document["state"]) == (True, "interrupted")
    bus.emit("campaign", state="running", reason="")
    await store.commit()
    assert status(opened.directory)["state"] == "running"


async def test_the_status_without_a_campaign_is_idle(opened):
    opened.open()
    document = status(opened.directory)
    assert (document["state"], document["campaign"], document["best"]) == ("idle", None, None)
    assert document["utilisation"] is None
    assert "idle" in status_text(document)


LINE = {
    "instruments": ["p0", "p1"],
    "state": "open",
    "utilisation": 0.41,
    "exchanges_per_s": 12.5,
    "timeouts": 2,
    "garbled": 0,
    "stray": 1,
    "late_polls": 3,
    "missed_polls": 0,
    "late": {"p1.pressure": {"late": 3, "missed": 0, "worst_s": 0.4}},
}


@pytest.mark.parametrize("clock_h", [0.0, 3.0, -5.0], ids=["kept", "put back", "put forward"])
@pytest.mark.parametrize(("ago_s", "said"), [(41.0, True), (5.0, False)])
async def test_the_status_says_when_a_running_daemon_cannot_write_any_more(
    opened, ago_s, said, clock_h
):
    store, _ = opened.open()
    then = (datetime.now(UTC) + timedelta(hours=clock_h)).isoformat()  # by the clock at the start
    start = (then, wall_s() - ago_s)
    store._durable.append(("UPDATE boots SET started = ?, loop_origin = ?", start))
    store.keep("lines", {"t": then, "boot": store.boot, "lines": {}})
    await store.flush()
    text = status_text(status(opened.directory))
    assert ("has written nothing for 41 s (is the disk full?)" in text) is said
    await opened.close()
    assert "has written nothing" not in status_text(status(opened.directory))


async def test_the_status_tells_how_busy_each_line_is(opened):
    store, _ = opened.open()
    lost = {**LINE, "state": "lost", "utilisation": 0.9, "stray": 0, "late_polls": 0, "late": {}}
    lines = {"/dev/ttyS0": LINE, "/dev/ttyS1": lost}
    store.keep("lines", {"t": "2000-01-01T00:00:00.000Z", "lines": {}})
    store.keep("lines", {"t": "2000-01-01T00:01:00.000Z", "lines": lines})
    await store.flush()
    document = status(opened.directory)
    assert document["lines"] == {"t": "2000-01-01T00:01:00.000Z", "lines": lines}
    busiest, other = status_text(document).partition("lines ")[2].splitlines()[:2]
    assert busiest.strip() == "/dev/ttyS1 (p0, p1): lost, 90% busy, 12.5 exchanges/s, 2 timeouts"
    assert other.strip() == (
        "/dev/ttyS0 (p0, p1): 41% busy, 12.5 exchanges/s, 2 timeouts, 1 stray frames,"
        " 3 late polls, late now: p1.pressure"
    )


async def test_the_status_tells_what_is_on_and_what_is_waited_for(opened):
    store, _ = opened.open()
    on = [
        {"instrument": "bath", "text": "80 degC (set to 80 degC)"},
        {"instrument": "pump-c", "text": "0.05 mL/min"},
    ]
    now = {"t": "2000-01-01T00:00:00.000Z", "boot": store.boot, "on": on, "waits": "waits for Ada"}
    store.keep("now", now)
    await store.flush()
    document = status(opened.directory)
    assert (document["on"], document["waits"]) == (on, "waits for Ada")
    lines = status_text(document).splitlines()
    assert "waits         Ada" in lines
    first = lines.index("on            bath 80 degC (set to 80 degC)")
    assert lines[first + 1].strip() == "pump-c 0.05 mL/min"
    store.keep("now", {**now, "boot": "an earlier start"})
    await store.flush()
    assert status(opened.directory)["on"] == []
    await opened.close()
    assert status(opened.directory)["on"] == []


async def test_the_status_before_any_line_was_watched_has_none(opened):
    opened.open()
    document = status(opened.directory)
    assert document["lines"] is None
    assert "lines " not in status_text(document)


async def test_a_directory_without_data_is_named(tmp_path):
    with pytest.raises(ConfigError, match="holds no data of taylord"):
        status(tmp_path / "nothing")
    assert not in_use(tmp_path)


async def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    with pytest.raises(StoreFailed, match="cannot be read"):
        Reader(tmp_path)


async def test_a_file_of_another_schema_is_named(opened):
    opened.open()
    await opened.close()
    connection = sqlite3.connect(opened.directory / FILE_NAME)
    connection.execute("PRAGMA user_version=7")
    connection.close()
    with pytest.raises(StoreFailed, match="schema 7"):
        Reader(opened.directory)


async def test_a_closed_store_can_be_read_from_a_directory_nobody_may_write(opened, tmp_path):
    await a_campaign(opened)
    await opened.close()
    copy = tmp_path / "copy"
    shutil.copytree(opened.directory, copy)
    copy.chmod(0o555)
    code = "import sys; from daemon.store.status import status; print(status(sys.argv[1])['state'])"
    command = [sys.executable, "-c", code, str(copy)]
    if os.geteuid() == 0 and (setpriv := shutil.which("setpriv")):
        command = [setpriv, "--inh-caps=-all", "--bounding-set=-all", *command]
    result = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd())
    copy.chmod(0o755)
    assert result.stdout == "interrupted\n", result.stderr


async def test_the_csv_is_a_history_for_a_planner(opened, tmp_path):
    _, bus = await a_campaign(opened)
    bus.emit("experiment", id="e-4", state="failed", requested=POINT, reason="no, reply")
    bus.emit("experiment", id="e-5", state="running", requested=POINT)
    bus.emit("experiment", id="e-6", state="aborted", requested=POINT)
    out = tmp_path / "history.csv"
    assert export(opened.directory, out) == 6
    runs = read_history(out.read_text().splitlines(), Problem.from_json(PROBLEM))
    assert [run.status for run in runs] == ["ok", "ok", "ok", "failed", "pending", "failed"]
    assert runs[1].responses["yield"].value == 0.7
    assert runs[1].responses["yield"].sd == 0.01
    assert runs[0].point == POINT
    assert runs[0].achieved == POINT
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert rows[5]["outcome"] == "aborted"
    assert rows[3]["reason"] == "no, reply"
    assert rows[3]["yield"] == ""


async def test_the_csv_leaves_out_what_says_nothing_of_its_conditions(opened, tmp_path):
    """A history has no other word for it than failed, and that would keep a planner away."""
    store, bus = await a_campaign(opened, values=(0.4,))
    bus.emit("experiment", id="e-2", status="failed", requested=POINT, blameless=True)
    bus.emit("experiment", id="e-3", status="interrupted", requested=POINT)
    bus.emit("experiment", id="e-4", status="failed", requested=POINT)
    bus.emit("experiment", id="e-5", status="running", requested=POINT)
    await store.commit()
    running, ended = tmp_path / "running.csv", tmp_path / "ended.csv"
    assert export(opened.directory, running) == 3
    await opened.close()
    assert export(opened.directory, ended) == 2
    told = [_ids(out) for out in (running, ended)]
    assert told == [["e-1", "e-4", "e-5"], ["e-1", "e-4"]]
    assert export(opened.directory, tmp_path / "all.json", "json") == 5
    with Reader(opened.directory) as reader:
        assert [e.id for e in silent_runs(reader)] == ["e-2", "e-3", "e-5"]


def _ids(path):
    return [row["id"] for row in csv.DictReader(path.read_text().splitlines())]


async def test_the_json_export_is_the_document_of_the_demo(opened, tmp_path):
    await a_campaign(opened)
    out = tmp_path / "out.json"
    assert export(opened.directory, out, "json") == 3
    document = json.loads(out.read_text())
    assert document["best"]["id"] == "e-2"
    assert document["experiments"][0]["requested"] == POINT
    assert set(document["experiments"][0]) >= {
        "id", "status", "requested", "commanded", "achieved", "responses", "started", "finished",
    }  # fmt: skip


@pytest.mark.parametrize("format_", ["csv", "json"])
async def test_readings_and_events_can_be_exported_as_well(opened, tmp_path, format_):
    store, bus = await a_campaign(opened)
    bus.readings([reading("bath.temperature", 80.25)])
    await store.flush()
    assert export(opened.directory, tmp_path / "readings", format_, table="readings") == 1
    assert "80.25" in (tmp_path / "readings").read_text()
    count = export(opened.directory, tmp_path / "events", format_, table="events")
    with Reader(opened.directory) as reader:
        assert count == reader.count("events")


async def test_an_existing_file_is_not_overwritten_without_being_told(opened, tmp_path):
    await a_campaign(opened)
    out = tmp_path / "out.csv"
    out.write_text("precious")
    with pytest.raises(ConfigError, match="exists already"):
        export(opened.directory, out)
    assert out.read_text() == "precious"
    assert export(opened.directory, out, replace=True) == 3
    with pytest.raises(ConfigError, match="is a directory"):
        export(opened.directory, tmp_path)
    with pytest.raises(ConfigError, match="there is no directory"):
        export(opened.directory, tmp_path / "no" / "such" / "place.csv")


async def test_an_export_that_fails_leaves_nothing_behind(opened, tmp_path, monkeypatch):
    await a_campaign(opened)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(StoreFailed, match="No space left"):
        export(opened.directory, tmp_path / "out.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


async def test_an_empty_store_exports_a_header(opened, tmp_path):
    opened.open()
    assert export(opened.directory, tmp_path / "out.csv") == 0
    assert (tmp_path / "out.csv").read_text().startswith("id,status,started,finished")
    with Reader(opened.directory) as reader:
        assert experiments_document(reader)["experiments"] == []


async def test_answered_commands_come_back_oldest_first(opened):
    store, bus = opened.open()
    for i in range(4):
        bus.emit(
            "command", id=f"m{i}", origin="mqtt", verb="set", arguments={"v": i}, outcome="accepted"
        )
    bus.emit(
        "command",
        id="m1",
        origin="mqtt",
        verb="set",
        outcome="done",
        reply={"id": "m1", "ok": True},
    )
    bus.emit("command", id="act-1", origin="mqtt", verb="flow", arguments={}, outcome="pending")
    await store.commit()
    with Reader(opened.directory) as reader:
        rows = reader.answered("mqtt", 3)
    assert [(row["id"], row["reply"]) for row in rows] == [
        ("m1", {"id": "m1", "ok": True}), ("m2", None), ("m3", None),
    ]  # fmt: skip


async def test_the_event_log_of_equal_runs_is_equal_byte_for_byte(tmp_path):
    logs = []
    for name in ("one", "two"):
        data = Opened(tmp_path / name)
        await a_campaign(data)  # the second one at another time of the clock
        await data.close()
        logs.append(event_log(data.directory))
    assert logs[0] == logs[1]
    assert len(logs[0].splitlines()) == 13
    assert b"boot" not in logs[0]
    assert b"2000-01-01" not in logs[0]


def test_boot_ids_repeat_in_virtual_runs_only():
    assert virtual_boot_id(1, "x") == virtual_boot_id(1, "x") != virtual_boot_id(2, "x")
    assert real_boot_id() != real_boot_id()


OBJECTIVES = [{"name": "yield", "goal": "maximise"}, {"name": "waste", "goal": "minimise"}]


def doc(id_, y, waste, status="ok", quality="ok"):
    return {
        "id": id_,
        "status": status,
        "responses": {
            "yield": {"value": y, "quality": quality},
            "waste": {"value": waste, "quality": "ok"},
        },
    }


def test_the_front_holds_what_nothing_beats_in_everything():
    docs = [doc("a", 1, 1), doc("b", 2, 2), doc("c", 1, 2), doc("d", 9, 0, quality="suspect")]
    assert [d["id"] for d in front(docs, OBJECTIVES)] == ["a", "b"]
    assert best(docs, OBJECTIVES) is None
    assert front(docs, []) == []


def test_a_failed_experiment_is_never_the_best():
    docs = [doc("a", 1, 1), doc("b", 2, 1, status="failed"), doc("c", None, 1)]
    assert best(docs, OBJECTIVES[:1])["id"] == "a"
    assert best([], OBJECTIVES[:1]) is None


@pytest.mark.parametrize(
    ("low", "high", "wins"), [(6.8, 7.2, "b"), (None, 5, "a"), (7.3, None, "c")]
)
def test_a_target_is_best_met_inside_its_bounds(low, high, wins):
    docs = [doc("a", 5.0, 0), doc("b", 7.0, 0), doc("c", 9.0, 0)]
    goal = [{"name": "yield", "goal": "target", "low": low, "high": high}]
    assert best(docs, goal)["id"] == wins
