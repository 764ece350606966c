"""Anything may come from a broker: it is a command, or a fault with a code; never an exception."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.api.commands import VERBS
from daemon.api.parse import (
    MAX_BYTES,
    MAX_SAID,
    Command,
    Fault,
    Incoming,
    parse,
    salvaged_id,
    valid_id,
)
from daemon.api.schema import ERROR_CODES


def fault(verb, payload, **how):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    got = parse(Incoming(verb, raw, **how))
    assert isinstance(got, Fault), got
    return got


def test_a_whole_command_is_taken():
    got = parse(Incoming("set", b'{"id": "a-1", "signal": "bath.setpoint", "value": 80.5}'))
    assert isinstance(got, Command)
    assert (got.id, got.verb.name, got.plain) == (
        "a-1", "set", {"signal": "bath.setpoint", "value": 80.5},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("ping", {}),
        ("get", {}),
        ("get", {"signal": "bath.temperature"}),
        ("set", {"signal": "valve.position", "value": "A"}),
        ("set", {"signal": "bath.running", "value": True}),
        ("set", {"signal": "bath.setpoint", "value": 0}),
        (
            "experiment.submit",
            {"conditions": {"temperature": 80, "ligand": "P1", "r": {"Pt": 0.5}}},
        ),
        ("experiment.skip", {}),
        ("experiment.skip", {"experiment": "e-0001"}),
        ("campaign.start", {}),
        ("campaign.hold", {"reason": "lunch"}),
        ("campaign.resume", {}),
        ("campaign.stop", {}),
        ("campaign.abort", {}),
        ("suggestion.approve", {}),
        ("suggestion.veto", {"suggestion": "s-0001", "reason": "too hot"}),
        ("suggestion.veto", {"fix": {"temperature": 60, "blend": {"a": 0.5, "b": 0.5}}}),
        ("space.edit", {"ranges": {"temperature": [None, 90]}, "free": ["x"], "by": "Ada"}),
        ("space.edit", {"limits": {"blend": {"a": [0, 0.5]}}, "max_components": {"blend": None}}),
        ("space.edit", {"add_constraints": [{"terms": {"a": 1}, "at_most": 2}]}),
        ("space.edit", {"values": {"a": [1, 2.5]}, "drop_constraints": [0], "fix": {"t": "60 K"}}),
        ("result.submit", {"experiment": "e-1", "responses": {"yield": 0.5}}),
        ("result.submit", {"experiment": "e-1", "responses": {"yield": {"value": 0.5, "sd": 0.1}}}),
        ("trip", {}),
        ("alarm.acknowledge", {"alarm": "a"}),
        ("trip.reset", {}),
        ("reconnect", {"instrument": "bath"}),
    ],
)
def test_every_verb_takes_its_arguments(verb, arguments):
    got = parse(Incoming(verb, json.dumps({"id": "x", **arguments}).encode()))
    assert isinstance(got, Command), got
    assert got.plain == arguments


def test_every_verb_of_the_contract_is_there():
    assert set(VERBS) == {
        "ping", "get", "set", "experiment.submit", "experiment.skip", "campaign.start",
        "campaign.hold", "campaign.resume", "campaign.stop", "campaign.abort",
        "suggestion.approve", "suggestion.veto", "result.submit", "trip", "alarm.acknowledge",
        "trip.reset", "reconnect", "space.edit", "result.check",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'"text"', "must be a JSON object, got a string"),
        (b"[1]", "must be a JSON object, got an array"),
        (b"3", "must be a JSON object, got a number"),
        (b"true", "must be a JSON object, got a boolean"),
        (b"null", "must be a JSON object, got null"),
        (b"{}", "'id' is missing"),
        (b'{"id": 7}', "id must be a string"),
        (b'{"id": ""}', "id must be a string"),
        (b'{"id": "a/b"}', "without blanks"),
        (b'{"id": "a+"}', "without blanks"),
        (b'{"id": "#"}', "without blanks"),
        (b'{"id": "a b"}', "without blanks"),
        (b'{"id": "\\u0000"}', "without blanks"),
        (b'{"id": "' + b"x" * 129 + b'"}', "1 to 128"),
        (b'{"id": "a", "id": "b"}', "'id' is given twice"),
        (b'{"id": "a", "reason": NaN}', "NaN is not a JSON value"),
        (b'{"id": "a", "reason": Infinity}', "Infinity is not a JSON value"),
        (b'{"id": "a", "reason": "\\ud800"}', "lone surrogate"),
        (b'{"id": "a", "unheard_of": 1}', "unheard_of: is not a known argument"),
        (b'{"id": "a", "reason": 3}', "reason: "),
        (b'{"id": "a", "reason": "' + b"x" * 2000 + b'"}', "reason: "),
        (b"[" * 20_000, "nested too deeply"),
        (b'{"id": "a", "reason": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
    ],
)
def test_a_malformed_command_is_a_bad_request_that_says_what(payload, says):
    got = fault("trip", payload)
    assert got.code == "bad-request"
    assert says in got.message
    assert len(got.message) <= MAX_SAID


def test_a_text_that_is_empty_is_said_to_be():
    got = fault("suggestion.approve", {"id": "a", "suggestion": ""})
    assert got.message.startswith("suggestion: must not be empty (arguments of suggestion.approve")


@pytest.mark.parametrize("value", ["1e999", "-1e999", "null", "[1]", "{}", "1" * 400])
def test_a_value_that_is_no_sound_scalar_is_a_bad_request(value):
    got = fault("set", b'{"id": "a", "signal": "b.c", "value": ' + value.encode() + b"}")
    assert (got.id, got.code) == ("a", "bad-request")


@pytest.mark.parametrize(
    "conditions",
    [{}, {"t": None}, {"t": [1]}, {"": 1}, {"t": True}, {"r": {}}, {"r": {"Pt": "x"}}, 5],
)
def test_conditions_that_are_none_are_a_bad_request(conditions):
    assert fault("experiment.submit", {"id": "a", "conditions": conditions}).code == "bad-request"


@pytest.mark.parametrize(
    "responses", [{}, {"y": None}, {"y": {"value": 1, "sd": -1}}, {"y": {"sd": 1}}]
)
def test_results_without_a_value_are_a_bad_request(responses):
    got = fault("result.submit", {"id": "a", "experiment": "e", "responses": responses})
    assert got.code == "bad-request"


@pytest.mark.parametrize(
    ("verb", "fields", "says"),
    [
        ("set", {"signal": "a.b", "value": [1]}, "value: must be true or false, a number or a text, got [1]"),
        ("set", {"signal": 7, "value": 1}, "signal: must be a text, got 7"),
        ("set", {"signal": "a.b"}, "value: is missing"),
        ("result.submit", {"y": "97"}, "responses.y: must be a number or an object, got '97'"),
        ("result.submit", {"y": {"value": 9, "sd": -1}}, "responses.y.sd: must be at least 0, got -1"),
        ("result.submit", {"y": {"value": 9, "sd": "x"}}, "responses.y.sd: must be a number, got 'x'"),
        ("result.submit", {"y": {"sd": 1}}, "responses.y.value: is missing"),
        ("result.submit", {"y": {"value": 1, "unit": "%"}}, "responses.y.unit: is not known there"),
        ("result.submit", {"y": {"value": 1, "quality": "bad"}}, "responses.y.quality: must be 'ok' or 'suspect', got 'bad'"),
        ("result.submit", {"y": 1e200}, "responses.y: must be at most 1e+100, got 1e+200"),
        ("result.submit", {"y": {"value": -1e200}}, "responses.y.value: must be at least -1e+100, got -1e+200"),
        ("result.submit", {"y": {"value": 1, "sd": 1e200}}, "responses.y.sd: must be at most 1e+100, got 1e+200"),
        ("space.edit", {"ranges": {"t": [1]}}, "ranges.t: list should have at least 2 items after validation, not 1, got [1]"),
        ("space.edit", {"drop_constraints": ["0"]}, "drop_constraints.0: must be a whole number, got '0'"),
        ("space.edit", {"add_constraints": [{"terms": {"t": "x"}}]}, "add_constraints.0.terms.t: must be a number, got 'x'"),
        ("experiment.submit", {"conditions": {"": 1}}, "conditions.: must not be empty"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named_with_its_place_and_what_it_may_be(verb, fields, says):
    if verb == "result.submit":
        fields = {"experiment": "e-1", "responses": fields}
    got = fault(verb, {"id": "a"} | fields)
    assert got.code == "bad-request"
    assert got.message.startswith(f"{says} (arguments of {verb}: ")


def test_an_unknown_verb_has_its_own_code_and_lists_the_known_ones():
    got = fault("explode", {"id": "a"})
    assert (got.id, got.code) == ("a", "unknown-verb")
    assert "campaign.hold" in got.message


def test_a_retained_command_is_refused():
    got = fault("trip", {"id": "a"}, retained=True)
    assert (got.id, got.code) == ("a", "refused")


def test_an_expired_command_is_refused():
    assert fault("trip", {"id": "a"}, expires_s=0).code == "refused"
    assert isinstance(parse(Incoming("trip", b'{"id": "a"}', expires_s=1)), Command)


def test_a_payload_over_the_limit_is_refused_and_the_id_found_all_the_same():
    whole = {"id": "big-1", "reason": "x" * MAX_BYTES}
    got = fault("trip", whole)
    assert (got.id, got.code) == ("big-1", "bad-request")
    assert str(MAX_BYTES) in got.message
    last = json.dumps({"reason": "x" * MAX_BYTES, "id": "big-2"}).encode()
    assert salvaged_id(last) == "big-2"


def test_a_payload_of_exactly_the_limit_is_looked_at():
    frame = len(json.dumps({"id": "a", "reason": ""}))
    got = fault("trip", {"id": "a", "reason": "x" * (MAX_BYTES - frame)})
    assert "reason" in got.message


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
fields = st.dictionaries(
    st.sampled_from(
        ["id", "signal", "value", "conditions", "responses", "experiment", "reason", "alarm", "x"]
    ),
    anything,
)


@given(st.sampled_from([*VERBS, "nonsense", "", "a/b"]), st.binary(max_size=200))
@example("set", b'{"id":"\xed\xa0\x80"}')
def test_any_bytes_give_a_command_or_a_fault_with_a_code_of_the_contract(verb, payload):
    check(parse(Incoming(verb, payload)))


@given(st.sampled_from(list(VERBS)), fields, st.booleans())
def test_any_object_gives_a_command_or_a_fault_with_a_code_of_the_contract(verb, given_, ascii_):
    text = json.dumps(given_, ensure_ascii=ascii_)
    check(parse(Incoming(verb, text.encode("utf-8", "surrogatepass"))))


def check(got):
    """The answer can be encoded, and its reply topic can be published on."""
    if isinstance(got, Command):
        assert valid_id(got.id)
        json.dumps(got.plain, allow_nan=False)
        return
    assert got.code in ERROR_CODES
    assert got.id is None or valid_id(got.id)
    assert got.message
    assert len(got.message) <= MAX_SAID


@given(st.text(min_size=1, max_size=200))
def test_a_valid_id_can_be_the_last_level_of_a_topic(text):
    if valid_id(text):
        assert not set(text) & set("+#/\0 \n\t")
        assert len(text) <= 128


@pytest.mark.parametrize(
    "arguments",
    [
        {"ranges": {"temperature": [1]}},
        {"ranges": {"temperature": [1, 2, 3]}},
        {"ranges": [1, 2]},
        {"ranges": {"temperature": [True, 2]}},
        {"values": {"a": [None]}},
        {"limits": {"blend": {"a": [0, None]}}},
        {"max_components": {"blend": 0}},
        {"max_components": {"blend": 1.5}},
        {"fix": {"t": {}}},
        {"fix": {"t": [1]}},
        {"free": "temperature"},
        {"add_constraints": [{"terms": {}, "at_most": 1}]},
        {"add_constraints": [{"terms": {"a": 1}, "less_than": 1}]},
        {"drop_constraints": [-1]},
        {"factors": {}},
    ],
)
def test_an_edit_of_the_space_that_is_none_is_refused(arguments):
    got = parse(Incoming("space.edit", json.dumps({"id": "x", **arguments}).encode()))
    assert isinstance(got, Fault)
    assert got.code == "bad-request"
