"""Recordings replayed: what matches, what differs, and files that are none."""

import json

import pytest

from daemon.cli import main
from simulators.virtualtime import run
from tests.daemon.trace.record import SMALL, record

AGAIN = "a driver asks differently now; if that is meant: python -m tests.daemon.trace.record"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The day as today's drivers have it."""
    path = tmp_path_factory.mktemp("trace") / "fresh.jsonl"
    run(record(path))
    return path


@pytest.fixture
def events(fresh):
    return [json.loads(line) for line in fresh.read_text().splitlines()]


@pytest.fixture
def replayed(tmp_path, capsys):
    """Replay events from a file; give exit code and document."""

    def replay(events):
        path = tmp_path / "t.jsonl"
        path.write_text("".join(json.dumps(event) + "\n" for event in events))
        code = main(["replay", str(path), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return replay


def index_of(events, kind, wanted):
    return next(i for i, e in enumerate(events) if e["k"] == kind and wanted(e))


def test_the_day_that_was_kept_gives_the_same_requests_and_results(replayed):
    code, document = replayed([json.loads(line) for line in SMALL.read_text().splitlines()])
    assert document["difference"] is None, AGAIN
    assert code == 0


def test_a_recorded_day_gives_the_same_requests_readings_and_faults(events, replayed):
    code, document = replayed(events)
    assert (code, document["difference"]) == (0, None)
    assert document["sent"] == sum(event["k"] == ">" for event in events)
    bath = document["instruments"]["bath"]
    assert bath["readings"]["setpoint"]["last"] == 60.0
    assert [fault["fault"] for fault in bath["faults"]] == [
        "OutOfRange",
        "NoReply",
        "NoReply",
        "NotConnected",
    ]


def test_a_recording_of_the_same_day_is_the_same_file(tmp_path):
    for name in ("a", "b"):
        run(record(tmp_path / name))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_driver_that_understands_a_reply_otherwise_differs_there(events, replayed):
    at = index_of(events, "<", lambda e: bytes.fromhex(e["hex"]).startswith(b"PRESSURE:0"))
    events[at]["hex"] = b"PRESSURE:7\r".hex()
    code, document = replayed(events)
    assert code == 3
    assert document["difference"]["where"] == "pump.poll(['flow', 'pressure', 'motor_current'])"
    assert document["difference"]["t"] >= events[at]["t"]
    assert document["difference"]["replayed"][1]["value"] == 7.0


def test_a_driver_that_asks_otherwise_differs_at_that_request(events, replayed):
    at = index_of(events, ">", lambda e: bytes.fromhex(e["hex"]).startswith(b"{M04"))
    events[at]["hex"] = b"{M01****\r\n".hex()
    code, document = replayed(events)
    assert code == 3
    difference = document["difference"]
    assert difference["where"] == "sent on /dev/ttyUSB1"
    assert (difference["recorded"], difference["replayed"]) == (
        repr(b"{M01****\r\n"),
        repr(b"{M04****\r\n"),
    )


def test_a_driver_that_asks_more_often_differs_at_the_end(events, replayed):
    sent = [i for i, e in enumerate(events) if e["k"] == ">"]
    last_line = events[sent[-1]]["line"]
    kept = [e for i, e in enumerate(events) if i != sent[-1]]
    code, document = replayed(kept)
    assert code == 3
    assert document["difference"]["where"] == f"sent on {events[last_line * 2 + 1]['port']}"
    assert document["difference"]["recorded"] == "nothing"


def test_a_driver_that_no_longer_asks_differs(events, replayed):
    at = index_of(events, "call", lambda e: (e["of"], e["do"]) == ("gauge", "poll"))
    number = events[at]["n"]
    kept = [e for e in events if not (e["k"] in {"call", "done"} and e["n"] == number)]
    code, document = replayed(kept)
    assert code == 3
    assert document["difference"]["replayed"] == "nothing"


def test_a_file_that_was_cut_off_is_replayed_as_far_as_it_goes(fresh, tmp_path, capsys):
    path = tmp_path / "t.jsonl"
    path.write_bytes(fresh.read_bytes()[:9000])
    assert main(["replay", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ended"] == "cut off"
    assert 0 < document["sent"] < 100


def test_the_first_difference_is_told_in_one_line(events, tmp_path, capsys):
    at = index_of(events, "done", lambda e: e.get("gives") == 0.25)
    events[at]["gives"] = 0.5
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert main(["replay", str(path)]) == 3
    said = capsys.readouterr().out.splitlines()[-1]
    assert "syringe.set_flow(0.25): recorded 0.5, replayed 0.25" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: is no trace of taylord"),
        ("garbage\n", "line 1: is no trace of taylord"),
        ("[]\n", "line 1: is no object"),
        ('{"k":"head","version":9}\n', "is of form 9, this taylord reads form 1"),
        ('{"k":"head","version":1}\nx\n{}\n', "line 2: is not JSON"),
        ('{"k":"head","version":1}\n{"k":"dance","t":0}\n', "line 2: unknown kind 'dance'"),
        ('{"k":"head","version":1}\n{"k":"call","t":0}\n', "line 2: call: n is missing or wrong"),
        (
            '{"k":"head","version":1}\n{"k":">","t":0,"line":3,"hex":"00"}\n',
            "line 2: >: no line 3",
        ),
        ('{"k":"head","version":1}\n{"k":"done","t":0,"n":1}\n', "no line"),
    ],
)
def test_what_is_no_trace_is_refused_by_line(text, says, tmp_path, capsys):
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    assert main(["replay", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{path}: ")
    assert says in error
    assert len(error.splitlines()) == 1


def test_a_driver_that_is_not_installed_is_named(events, replayed, tmp_path, capsys):
    at = index_of(events, "instrument", lambda e: e["name"] == "gauge")
    events[at]["driver"] = "acme-1"
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert main(["replay", str(path)]) == 2
    assert "gauge: cannot be made: no driver 'acme-1'" in capsys.readouterr().err
