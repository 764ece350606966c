"""A problem written as for another tool is told what to write instead."""

import pytest

from planners.base import Problem
from planners.errors import BadProblem
from planners.foreign import own_keys, own_word

Y = [{"name": "y"}]
A = [{"name": "a", "low": 0, "high": 1}]


def faults(document):
    with pytest.raises(BadProblem) as caught:
        Problem.from_json(document)
    return [fault.split("; allowed are")[0] for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (
            {"type": "continuous", "low": 0, "high": 1},
            ['type: unknown key; write "kind": "continuous"'],
        ),
        ({"bounds": [20, 100]}, ['bounds: unknown key; write "low": 20, "high": 100']),
        (
            {"min": 20, "max": 30},
            ['min: unknown key; write "low": 20', 'max: unknown key; write "high": 30'],
        ),
        (
            {"type": "CategoricalParameter", "values": ["x", "y"]},
            [
                'type: unknown key; write "kind": "categorical"',
                'values: unknown key; write "levels": ["x", "y"]',
            ],
        ),
        (
            {"kind": "categorical", "choices": ["x", "y"]},
            ['choices: unknown key; write "levels": ["x", "y"]'],
        ),
        ({"kind": "discrete", "levels": [1, 2]}, ['levels: unknown key; write "values": [1, 2]']),
        (
            {"low": 1, "high": 9, "log_scale": True},
            ['log_scale: unknown key; write "transform": "log"'],
        ),
        (
            {"low": 1, "high": 9, "step": 2},
            ['step: unknown key; write "kind": "discrete", and every one of its "values"'],
        ),
    ],
)
def test_a_factor_in_other_tools_words_is_told_ours(factor, told):
    document = {"factors": [{"name": "a", **factor}], "responses": Y}
    assert faults(document) == [f"factors.0.{fault}" for fault in told]


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ({"mode": "MAX"}, 'mode: unknown key; write "goal": "maximise"'),
        ({"minimize": True}, 'minimize: unknown key; write "goal": "minimise"'),
        ({"maximize": False}, 'maximize: unknown key; write "goal": "minimise"'),
        (
            {"target": 5},
            'target: unknown key; write "goal": "target", and the range to meet as "low" and'
            ' "high"',
        ),
        (
            {"goal": "minimize"},
            "goal: must be 'maximise', 'minimise' or 'target', got 'minimize' (did you mean"
            " 'minimise'?)",
        ),
    ],
)
def test_a_response_in_other_tools_words_is_told_ours(response, told):
    document = {"factors": A, "responses": [{"name": "y", **response}]}
    assert faults(document) == [f"responses.0.{told}"]


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        (
            {"coefficients": {"a": 1}, "rhs": 3},
            [
                '.coefficients: unknown key; write "terms": {"a": 1}',
                '.rhs: unknown key; write "at_most": 3',
            ],
        ),
        (
            {"type": "formula", "expression": "a**2", "max": 3},
            [
                '.type: unknown key; write "kind": "formula"',
                '.max: unknown key; write "at_most": 3',
            ],
        ),
        (
            "a <= 3",
            [
                ': must be an object, as {"kind": "formula", "expression": "flow * time",'
                " \"at_most\": 12}, got 'a <= 3'"
            ],
        ),
    ],
)
def test_a_constraint_in_other_tools_words_is_told_ours(constraint, told):
    document = {"factors": A, "responses": Y, "constraints": [constraint]}
    assert faults(document) == [f"constraints.0{fault}" for fault in told]


def test_a_whole_problem_in_other_tools_words_is_told_all_of_ours_at_once():
    ax = {
        "parameters": [{"name": "a", "type": "range", "bounds": [20, 100]}],
        "objectives": {"y": {"minimize": False}},
    }
    assert faults(ax) == [
        'parameters: unknown key; write "factors"',
        'objectives: unknown key; write "responses"',
        'parameters.0.type: unknown key; write "kind": "continuous"',
        'parameters.0.bounds: unknown key; write "low": 20, "high": 100',
        "objectives: must be a list, as [{\"name\": \"temperature\", …}], got {'y': {'minimize':"
        " False}}",
    ]


@pytest.mark.parametrize(
    ("said", "meant"),
    [("float", "continuous"), ("integer", "discrete"), ("mixture", "composition")],
)
def test_a_kind_in_other_tools_words_is_told_ours(said, meant):
    (fault,) = faults({"factors": [{"name": "a", "kind": said}], "responses": Y})
    assert fault.endswith(f"got {said!r} (did you mean {meant!r}?)")


def test_what_no_tool_says_is_no_key_of_ours():
    assert own_keys("colour", ["name", "kind"]) == []
    assert own_keys("bounds", ["name", "kind"]) == []
    assert own_word("kind", "colour") is None
