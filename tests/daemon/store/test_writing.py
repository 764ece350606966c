"""What goes into the store is there, in order, for every reader."""

import asyncio
import json
import math
import sqlite3

import pytest

from daemon.errors import StoreFailed
from daemon.events import Event
from daemon.store import writer
from daemon.store.reader import Reader
from daemon.store.schema import FILE_NAME
from drivers.signal import Quality
from tests.daemon.store.conftest import PROBLEM, reading

pytestmark = pytest.mark.virtual


def rows(directory, sql, *values):
    connection = sqlite3.connect(f"file:{directory / FILE_NAME}?mode=ro", uri=True)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def names(directory, view):
    connection = sqlite3.connect(f"file:{directory / FILE_NAME}?mode=ro", uri=True)
    try:
        return [d[0] for d in connection.execute(f"SELECT * FROM {view}").description]
    finally:
        connection.close()


async def test_another_process_reads_a_committed_event_while_the_daemon_runs(opened):
    store, bus = opened.open()
    await asyncio.sleep(1.5)
    await store.commit(bus.emit("decision", what="wait", why="because"))
    assert rows(opened.directory, "SELECT time_utc, kind, data FROM v_events") == [
        ("2000-01-01T00:00:01.500Z", "decision", '{"what":"wait","why":"because"}')
    ]


async def test_an_experiment_has_a_column_per_factor_and_response(opened):
    store, bus = opened.open()
    store.begin_campaign(problem=PROBLEM, planner="bayes", seed=1, experiments=3)
    assert "equivalents.amine" in names(opened.directory, "v_experiments")
    bus.emit("experiment", id="e-0001", state="running", requested={"temperature": 80.5})
    bus.emit(
        "experiment",
        id="e-0001",
        state="ok",
        commanded={"temperature": 80.0, "flow.amine": 0.25},
        achieved={"temperature": 79.8, "steady": True},
        responses={"yield": {"value": 0.61, "sd": 0.01, "quality": "ok", "reason": ""}},
    )
    got = rows(
        opened.directory,
        'SELECT id, campaign, status, temperature, "equivalents.amine", yield, "yield.sd",'
        ' "yield.quality", "commanded.flow.amine", "achieved.temperature", "achieved.steady"'
        " FROM v_experiments",
    )
    assert got == [("e-0001", "c-0001", "ok", 80.5, None, 0.61, 0.01, "ok", 0.25, 79.8, 1)]


async def test_a_composition_has_a_column_per_component(opened):
    _, bus = opened.open()
    bus.emit(
        "experiment",
        id="e-1",
        state="ok",
        requested={"ratio": {"Pt": 0.25, "Mo": 0.75}, "ligand": "P1"},
    )
    assert rows(opened.directory, 'SELECT "ratio.Pt", "ratio.Mo", ligand FROM v_experiments') == [
        (0.25, 0.75, "P1")
    ]


@pytest.mark.parametrize(
    "name",
    ["status", "STATUS", "it's", 'a "quoted" name', "x;y", "naïve β", "$.a[0]", "", "outcome"],
)
async def test_any_factor_name_makes_a_column(opened, name):
    _, bus = opened.open()
    responses = {name: {"value": 2.0, "sd": None, "quality": "ok"}}
    bus.emit("experiment", id="e-1", state="ok", requested={name: 1.5}, responses=responses)
    (row,) = rows(opened.directory, "SELECT * FROM v_experiments")
    assert row.count(1.5) == 1
    assert row.count(2.0) == 1


async def test_the_names_are_still_columns_after_a_restart(opened):
    store, _ = opened.open()
    store.begin_campaign(problem=PROBLEM, planner="bayes", seed=1, experiments=3)
    _, bus = await opened.again()
    bus.emit("experiment", id="e-1", state="ok", requested={"extra": 1.0})
    columns = names(opened.directory, "v_experiments")
    assert {"temperature", "equivalents.amine", "yield", "extra"} <= set(columns)


async def test_steps_of_an_experiment_keep_what_was_said_before(opened):
    store, bus = opened.open()
    await asyncio.sleep(10)
    bus.emit("experiment", id="e-1", state="pending", requested={"temperature": 60.0})
    bus.emit("experiment", id="e-1", state="heating")
    await asyncio.sleep(100)
    bus.emit("experiment", id="e-1", state="failed", reason="no reply", responses={})
    await store.commit()
    with Reader(opened.directory) as reader:
        (experiment,) = reader.experiments()
    assert experiment.requested == {"temperature": 60.0}
    assert (experiment.status, experiment.reason) == ("failed", "no reply")
    assert (experiment.started, experiment.finished) == (
        "2000-01-01T00:00:10.000Z",
        "2000-01-01T00:01:50.000Z",
    )
    assert (experiment.started_t, experiment.finished_t) == (10.0, 110.0)


async def test_the_same_experiment_id_in_two_campaigns_is_two_experiments(opened):
    store, bus = opened.open()
    for _ in range(2):
        store.begin_campaign(problem=PROBLEM, planner="lhs", seed=1, experiments=1)
        bus.emit("experiment", id="e-0001", state="ok", requested={"temperature": 1.0})
    got = rows(opened.directory, "SELECT campaign, id FROM v_experiments ORDER BY n")
    assert got == [("c-0001", "e-0001"), ("c-0002", "e-0001")]


async def test_single_experiments_of_two_starts_are_two_experiments(opened):
    _, bus = opened.open()
    bus.emit("experiment", id="e-0001", state="ok", requested={})
    _, bus = await opened.again()
    bus.emit("experiment", id="e-0001", state="ok", requested={})
    assert len(rows(opened.directory, "SELECT * FROM v_experiments WHERE campaign IS NULL")) == 2


async def test_readings_are_there_with_their_quality_and_reason(opened):
    store, bus = opened.open()
    bus.readings([reading("bath.temperature", 20.5, 0.25), reading("bath.running", True, 0.25)])
    bus.readings([reading("bath.temperature", None, 1.25, Quality.BAD, "stale")])
    bus.readings([reading("bath.label", "hot", 2.0)])
    await store.flush()
    got = rows(opened.directory, "SELECT time_utc, signal, value, quality, reason FROM v_readings")
    assert sorted(got) == [
        ("2000-01-01T00:00:00.250Z", "bath.running", 1, "good", ""),
        ("2000-01-01T00:00:00.250Z", "bath.temperature", 20.5, "good", ""),
        ("2000-01-01T00:00:01.250Z", "bath.temperature", None, "bad", "stale"),
        ("2000-01-01T00:00:02.000Z", "bath.label", "hot", "good", ""),
    ]


async def test_readings_of_two_virtual_starts_do_not_overwrite_each_other(opened):
    _, bus = opened.open()
    bus.readings([reading("bath.temperature", 1.0, 0.0)])
    store, bus = await opened.again()
    bus.readings([reading("bath.temperature", 2.0, 0.0)])
    await store.flush()
    got = rows(opened.directory, "SELECT value, boot FROM v_readings ORDER BY value")
    assert got == [(1.0, "boot-1"), (2.0, "boot-2")]


async def test_a_number_no_database_can_hold_becomes_its_nearest_float(opened):
    store, bus = opened.open()
    bus.readings([reading("counter.n", 2**70), reading("counter.x", math.nan, quality=Quality.BAD)])
    await store.flush()
    got = dict(rows(opened.directory, "SELECT signal, value FROM v_readings"))
    assert got == {"counter.n": float(2**70), "counter.x": None}


async def test_telemetry_comes_in_groups_and_within_half_a_virtual_minute(opened):
    _, bus = opened.open()
    for _ in range(int(writer.VIRTUAL_GROUP_S) + 1):
        bus.readings([reading("bath.temperature", 1.0)])
        await asyncio.sleep(1.0)
    (count,) = rows(opened.directory, "SELECT COUNT(*) FROM readings")[0]
    assert count == writer.VIRTUAL_GROUP_S + 1


async def test_a_big_group_is_written_at_once(opened):
    _, bus = opened.open()
    now = asyncio.get_running_loop().time()
    bus.readings([reading("s.a", i, now + i) for i in range(writer.GROUP_ROWS)])
    assert rows(opened.directory, "SELECT COUNT(*) FROM readings") == [(writer.GROUP_ROWS,)]


async def test_values_that_are_no_json_numbers_become_null_and_never_a_value(opened):
    store, bus = opened.open()
    await store.commit(bus.emit("decision", what="x", mean=math.nan, sd=math.inf, bad="\ud800"))
    (text,) = rows(opened.directory, "SELECT data FROM v_events")[0]
    assert json.loads(text) == {"what": "x", "mean": None, "sd": None, "bad": "\ud800"}


async def test_every_kind_of_event_finds_its_place(opened):
    store, bus = opened.open()
    bus.emit("connection", instrument="bath", state="failed", message="gone")
    bus.emit("connection", instrument="bath", state="connected", message="back")
    bus.emit("alarm", id="a", name="line", state="active", priority="high", message="m")
    bus.emit("trip", name="line", signal="p.pressure", value=21.0, threshold=20.0, state="tripped")
    bus.emit(
        "command", id="act-1", origin="daemon", verb="set", arguments={"a": 1}, outcome="pending"
    )
    bus.emit(
        "command", id="act-1", origin="daemon", verb="set", outcome="failed", message="no reply"
    )
    bus.emit(
        "suggestion", id="s-1", state="proposed", point={"a": 1}, predicted={}, origin="planner"
    )
    bus.emit("suggestion", id="s-1", state="started", experiment="e-1")
    await store.commit()
    with Reader(opened.directory) as reader:
        assert reader.table("connections")[0]["message"] == "back"
        assert reader.table("alarms")[0]["priority"] == "high"
        trip = reader.last_trip()
    assert trip["signal"] == "p.pressure"
    assert trip["value"] == 21.0
    got = rows(opened.directory, "SELECT id, verb, arguments, outcome, message FROM v_commands")
    assert got == [("act-1", "set", '{"a":1}', "failed", "no reply")]
    bus.emit("trip", name="line", state="reset")
    await store.commit()
    with Reader(opened.directory) as reader:
        assert reader.last_trip()["state"] == "reset"


async def test_a_command_number_used_again_after_a_restart_is_another_command(opened):
    _, bus = opened.open()
    bus.emit("command", id="act-1", origin="daemon", verb="a", arguments={}, outcome="done")
    _, bus = await opened.again()
    bus.emit("command", id="act-1", origin="daemon", verb="b", arguments={}, outcome="done")
    assert rows(opened.directory, "SELECT verb FROM v_commands ORDER BY time_utc, verb") == [
        ("a",),
        ("b",),
    ]


async def test_event_numbers_go_on_after_a_restart(opened):
    _, bus = opened.open()
    bus.emit("decision", what="one")
    _, bus = await opened.again()
    bus.emit("decision", what="two")
    assert rows(opened.directory, "SELECT seq FROM v_events") == [(1,), (2,)]


async def test_a_second_daemon_is_refused_the_directory(opened):
    opened.open()
    with pytest.raises(StoreFailed, match="another taylord is writing here"):
        type(opened)(opened.directory).open()


async def test_a_file_of_a_newer_taylord_is_refused(opened):
    opened.open()
    await opened.close()
    connection = sqlite3.connect(opened.directory / FILE_NAME)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreFailed, match=r"schema 99.*use the taylord that wrote it"):
        opened.open()


async def test_a_file_that_is_no_database_is_refused(opened):
    opened.directory.mkdir()
    (opened.directory / FILE_NAME).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreFailed, match="not a database"):
        opened.open()
    opened.directory.joinpath(FILE_NAME).unlink()
    opened.open()


async def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    from tests.daemon.store.conftest import Opened

    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="cannot be used for data"):
        Opened(tmp_path / "file" / "data").open()


async def test_an_event_taken_without_a_bus_is_kept_too(opened):
    store, _ = opened.open()
    store.take(Event("decision", 0.0, {"what": "x"}))
    await store.commit()
    assert rows(opened.directory, "SELECT COUNT(*) FROM v_events") == [(1,)]


async def test_closing_leaves_one_whole_file(opened):
    _, bus = opened.open()
    bus.emit("decision", what="x")
    await opened.close()
    assert {path.name for path in opened.directory.iterdir()} == {FILE_NAME, "lock"}
    assert rows(opened.directory, "SELECT ended FROM boots") == [("2000-01-01T00:00:00.000Z",)]


async def test_a_clients_id_and_the_guards_own_number_do_not_overwrite_each_other(opened):
    store, bus = opened.open()
    bus.emit(
        "command",
        id="act-1",
        origin="mqtt",
        verb="campaign.start",
        arguments={},
        outcome="accepted",
    )
    bus.emit("command", id="act-1", origin="mqtt", verb="set_flow", arguments={}, outcome="done")
    await store.commit()
    got = rows(opened.directory, "SELECT verb, outcome FROM v_commands ORDER BY verb")
    assert got == [("campaign.start", "accepted"), ("set_flow", "done")]
