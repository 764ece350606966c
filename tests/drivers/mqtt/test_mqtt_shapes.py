"""Payloads of devices: readings, presence, scans, and what is none of them."""

import json
from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.analysers.mqtt_shapes import (
    NotAScan,
    at_path,
    parsed_json,
    presence,
    scan_id,
    scan_of,
    value_of,
)
from drivers.table import BadValue

SENSOR = b'{"Time":"2024-02-24T22:20:38","DS18B20":{"Id":"3C01","Temperature":21.4},"TempUnit":"C"}'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def scan(**changes):
    return {
        "id": "a-1",
        "t": "2026-03-01T12:00:00.123Z",
        "seq": 412,
        "axis": {"unit": "nm", "start": 400.0, "step": 0.5, "n": 4},
        "y": [0.1, 0.2, 0.3, 0],
        "unit": "AU",
        "meta": {"lamp": "on"},
        **changes,
    }


def test_the_sheet_s_sensor_message_holds_its_reading():
    assert value_of(at_path(parsed_json(SENSOR), "DS18B20.Temperature"), float) == 21.4
    assert value_of(at_path(parsed_json(SENSOR), "DS18B20.Id"), str) == "3C01"


def test_a_sensor_that_is_lost_has_no_value():
    lost = parsed_json(SENSOR.replace(b"21.4", b"null"))
    with pytest.raises(BadValue, match="nan"):
        value_of(at_path(lost, "DS18B20.Temperature"), float)
    with pytest.raises(BadValue, match="fault"):
        at_path(parsed_json(SENSOR), "BME280.Temperature")
    with pytest.raises(BadValue, match="fault"):
        at_path(None, "DS18B20.Temperature")


@pytest.mark.parametrize(
    ("raw", "kind", "scale", "value"),
    [
        ("2.37", float, 1.0, 2.37),
        (" 2.37 ", float, 1.0, 2.37),
        (21.4, float, 0.1, 2.14),
        (7, int, 1.0, 7),
        ("ON", bool, 1.0, True),
        ("off", bool, 1.0, False),
        (True, bool, 1.0, True),
        (0, bool, 1.0, False),
        (5, str, 1.0, "5"),
    ],
)
def test_values_come_as_numbers_or_as_text(raw, kind, scale, value):
    assert value_of(raw, kind, scale) == pytest.approx(value)


@pytest.mark.parametrize(
    ("raw", "kind", "reason"),
    [
        ("nan", float, "nan"),
        ("", float, "nan"),
        (None, float, "nan"),
        (nan, float, "nan"),
        ("inf", float, "range"),
        (-inf, float, "range"),
        (10**400, float, "fault"),
        ("21.4 C", float, "fault"),
        ("warm", float, "fault"),
        (True, float, "fault"),
        ([1], float, "fault"),
        ({"a": 1}, float, "fault"),
        ("maybe", bool, "fault"),
        ("NaN", bool, "nan"),
        ("null", str, "nan"),
    ],
)
def test_what_is_no_value_never_becomes_one(raw, kind, reason):
    with pytest.raises(BadValue) as bad:
        value_of(raw, kind)
    assert bad.value.reason == reason


@given(JSON, st.sampled_from([float, int, bool, str]))
def test_any_json_is_a_value_of_its_kind_or_bad(raw, kind):
    try:
        value = value_of(raw, kind)
    except BadValue as bad:
        value = bad.reason
        assert value in {"nan", "range", "fault"}
    else:
        assert type(value) is kind
        assert kind is not float or isfinite(value)


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"", b"[" * 100_000, b'"' + b"x" * (5 << 20)])
def test_payloads_that_are_no_json_are_refused(payload):
    with pytest.raises(ValueError):
        parsed_json(payload)


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (b"Online", "online"),
        (b"Offline", "offline"),
        (b"online", "online"),
        (b"", None),
        (b"\xff\xfe", None),
        (b"onlinex", None),
    ],
)
def test_presence_is_told_in_both_dialects(payload, word):
    assert presence(payload) == word


def test_a_scan_is_an_axis_with_values():
    read = scan_of(scan())
    assert read.axis.tolist() == [400.0, 400.5, 401.0, 401.5]
    assert read.y.tolist() == [0.1, 0.2, 0.3, 0.0]
    assert (read.id, read.seq, read.axis_unit, read.y_unit) == ("a-1", 412, "nm", "AU")
    assert read.meta == {"lamp": "on"}


def test_a_descending_axis_is_turned_round():
    read = scan_of(scan(axis={"start": 401.5, "step": -0.5, "n": 4}))
    assert read.axis.tolist() == [400.0, 400.5, 401.0, 401.5]
    assert read.y.tolist() == [0.0, 0.3, 0.2, 0.1]


def test_what_a_scan_may_leave_out_is_left_empty():
    message = scan(meta=None, seq="412")
    del message["id"], message["unit"]
    read = scan_of(message)
    assert (read.id, read.seq, read.y_unit, read.meta) == ("", None, "", {})
    assert scan_id([1]) is None


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        scan(y=[0.1, None, 0.3, 0.4]),
        scan(y=[0.1, "0.2", 0.3, 0.4]),
        scan(y=[0.1, True, 0.3, 0.4]),
        scan(y=[0.1, nan, 0.3, 0.4]),
        scan(y=[0.1, inf, 0.3, 0.4]),
        scan(y=[10**400, 1, 2, 3]),
        scan(y=[0.1, 0.2]),
        scan(y=[]),
        scan(y="0.1 0.2"),
        scan(axis=None),
        scan(axis={"start": 1, "step": 0, "n": 4}),
        scan(axis={"start": 1, "step": 1, "n": True}),
        scan(axis={"start": 1, "step": 1, "n": 10**9}),
        scan(axis={"start": 1, "step": 1, "n": 4.0}),
        scan(axis={"start": "1", "step": 1, "n": 4}),
        scan(axis={"step": 1, "n": 4}),
    ],
)
def test_a_scan_that_is_not_whole_is_refused(broken):
    with pytest.raises(NotAScan):
        scan_of(broken)


@given(JSON)
def test_any_json_is_a_scan_or_refused(document):
    for candidate in (document, scan(y=document), scan(axis=document), scan(meta=document)):
        try:
            read = scan_of(json.loads(json.dumps(candidate)))
        except NotAScan:
            continue
        assert len(read.axis) == len(read.y)
