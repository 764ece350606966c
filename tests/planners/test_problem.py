"""Problems: read from JSON with every fault at once, and their constraints."""

import pytest

from planners.base import Constraint, Continuous, Problem, Response
from planners.design import LatinHypercube
from planners.errors import BadProblem, CannotSuggest
from planners.schema import problem_schema

CONTRACT = {
    "factors": [
        {"name": "temperature", "kind": "continuous", "low": 30, "high": 120, "unit": "degC"},
        {"name": "equivalents", "kind": "discrete", "values": [1, 2, 3]},
        {
            "name": "catalyst",
            "kind": "categorical",
            "levels": ["P1", "P2"],
            "descriptors": {"P1": {"pKa": 1.0}, "P2": {"pKa": 2.0}},
        },
        {
            "name": "ratio",
            "kind": "composition",
            "components": ["Pt", "Mo", "Nb"],
            "total": 1.0,
            "max_components": 3,
        },
    ],
    "responses": [
        {"name": "yield", "goal": "maximise"},
        {"name": "e_factor", "goal": "minimise"},
        {"name": "ph", "goal": "target", "low": 6.8, "high": 7.2},
    ],
    "constraints": [{"kind": "linear", "terms": {"temperature": 1, "ratio.Pt": 10}, "at_most": 99}],
}


def faults(document):
    with pytest.raises(BadProblem) as caught:
        Problem.from_json(document)
    return caught.value.faults


def test_the_contracts_example_is_read():
    problem = Problem.from_json(CONTRACT)
    assert [f.name for f in problem.factors] == ["temperature", "equivalents", "catalyst", "ratio"]
    assert problem.dimension == 6
    assert problem.terms == ("temperature", "equivalents", "ratio.Pt", "ratio.Mo", "ratio.Nb")


def test_every_fault_of_a_document_is_named_with_its_key_path():
    found = faults(
        {
            "factors": [
                {"name": "t", "low": 120, "high": 30},
                {"name": "e", "kind": "discret", "values": [1, 2]},
                {"name": "c", "kind": "categorical", "level": ["a", "b"]},
                {"name": "x", "low": "0", "high": float("inf")},
                7,
            ],
            "responses": [{"name": "y", "goal": "target"}, {"name": "z", "goal": "maximize"}],
            "constraints": [{"terms": {}, "at_most": 1}, {"terms": {"t": 1}}],
            "response": [],
        }
    )
    text = "\n".join(found)
    for sentence in (
        "response: unknown key (did you mean 'responses'?)",
        "factors.0.low: must be finite and below high, got 120.0 and 30.0",
        "factors.1.kind: must be one of continuous, discrete, categorical, composition",
        "(did you mean 'discrete'?)",
        "factors.2.levels: is missing",
        "factors.2.level: unknown key (did you mean 'levels'?)",
        "factors.3.low: must be a valid number, got '0'",
        "factors.3.high: must be a finite number, got inf",
        "factors.4: ",
        "responses.0.low: a target needs low and high",
        "responses.1.goal: must be 'maximise', 'minimise' or 'target', got 'maximize'",
        "constraints.0.terms: must name at least one factor",
        "constraints.1.at_most: give at_most, at_least or both",
    ):
        assert sentence in text


@pytest.mark.parametrize("document", [[], "x", None, 3])
def test_a_document_that_is_no_object_is_refused(document):
    assert "must be an object" in faults(document)[0]


def test_sections_of_the_wrong_type_are_refused():
    assert "factors: must be a list" in faults({"factors": {}})[0]


def test_a_problem_without_factors_is_refused():
    assert faults({"responses": []}) == ("factors: at least one is needed",)


def test_names_used_twice_are_refused():
    x = Continuous("x", 0, 1)
    with pytest.raises(BadProblem, match=r"factors\.1\.name: 'x' is used twice"):
        Problem((x, x), ())
    with pytest.raises(BadProblem, match=r"responses\.0\.name: 'x' is the name of a factor too"):
        Problem((x,), (Response("x"),))


@pytest.mark.parametrize(
    ("constraint", "sentence"),
    [
        (Constraint({"z": 1.0}, 1.0), "constraints.0.terms.z: is no numeric factor"),
        (Constraint({"x": 1.0}, -1.0), "at_most: can never hold, the terms add up to at least 0"),
        (
            Constraint({"x": 1.0}, None, 2.0),
            "at_least: can never hold, the terms add up to at most",
        ),
    ],
)
def test_a_constraint_nothing_can_keep_is_refused_at_birth(constraint, sentence):
    with pytest.raises(BadProblem) as caught:
        Problem((Continuous("x", 0, 1),), (), (constraint,))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("terms", "bounds", "sentence"),
    [
        ({"x": float("nan")}, {"at_most": 1.0}, "terms: must be finite"),
        ({"x": 1.0}, {"at_most": float("inf")}, "bounds must be finite"),
        ({"x": 1.0}, {"at_most": 1.0, "at_least": 2.0}, "at_least: must not exceed at_most"),
    ],
)
def test_a_constraint_that_contradicts_itself_is_refused(terms, bounds, sentence):
    with pytest.raises(BadProblem, match=sentence):
        Constraint(terms, **bounds)


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        ({"goal": "maximise", "low": 1.0}, "low: only a target has one"),
        ({"goal": "target", "low": 1.0}, "high: a target needs low and high"),
        ({"goal": "target", "low": 2.0, "high": 1.0}, "low: must be finite and below high"),
    ],
)
def test_a_goal_that_contradicts_itself_is_refused(response, sentence):
    with pytest.raises(BadProblem, match=sentence):
        Response("y", **response)


def test_constraints_that_exclude_each_other_are_named_when_a_point_is_wanted(rng):
    problem = Problem(
        (Continuous("a", 0, 1), Continuous("b", 0, 1)),
        (),
        (Constraint({"a": 1, "b": 1}, 0.5), Constraint({"a": 1, "b": 1}, None, 1.5)),
    )
    with pytest.raises(
        CannotSuggest, match=r"no point .* keeps the constraints: 1 a \+ 1 b <= 0.5"
    ):
        LatinHypercube().suggest(problem, [], 1, rng)


def test_an_equation_as_constraint_is_kept(rng):
    problem = Problem(
        tuple(Continuous(f"flow_{c}", 0, 1) for c in "abc"),
        (),
        (Constraint({"flow_a": 1, "flow_b": 1, "flow_c": 1}, 1.0, 1.0),),
    )
    points = LatinHypercube(n_runs=6).suggest(problem, [], 6, rng)
    assert len(points) == 6
    for point in points:
        assert sum(point.values()) == pytest.approx(1.0, abs=1e-8)


def test_a_points_faults_are_all_named():
    problem = Problem.from_json(CONTRACT)
    found = problem.faults({"temperature": 200, "catalist": "P1", "equivalents": 2, "ratio": {}})
    assert "catalist: is no factor of this problem (did you mean 'catalyst'?)" in found
    assert "temperature: must be in [30, 120], got 200" in found
    assert "catalyst: is missing" in found
    assert "ratio: must add up to 1, got 0" in found
    assert "must be an object" in problem.faults([1, 2])[0]


def test_a_point_that_breaks_a_constraint_is_named():
    problem = Problem((Continuous("x", 0, 1),), (), (Constraint({"x": 2.0}, 1.0, 0.5),))
    assert problem.feasible({"x": 0.4})
    assert problem.faults({"x": 0.9}) == ["breaks the constraint 0.5 <= 2 x <= 1: got 1.8"]


def test_the_schema_accepts_the_contracts_example_and_refuses_a_typo():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema checks the published schema")
    jsonschema.validate(CONTRACT, problem_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**CONTRACT, "response": []}, problem_schema())


@pytest.mark.parametrize("given", ["2", 2.5, True, [], 1e300])
def test_a_factor_with_a_number_that_is_none_is_refused_not_left_out(given):
    mixture = {"name": "m", "kind": "composition", "components": ["a", "b"]}
    document = {
        "factors": [{"name": "x", "low": 0, "high": 1}, mixture | {"max_components": given}]
    }
    (fault,) = faults(document)
    assert fault.startswith("factors.1.max_components: must be a whole number, got ")


@pytest.mark.parametrize(
    ("factor", "sentence"),
    [
        ({"low": 0, "high": 1e300}, "high: must be finite and within +/- 1e+100, got 1e+300"),
        (
            {"kind": "discrete", "values": [1, 10**400]},
            "values: must be finite and within +/- 1e+100, got 1000",
        ),
        (
            {"kind": "composition", "components": ["a", "b"], "total": 1e300},
            "total: must be finite and within +/- 1e+100",
        ),
    ],
)
def test_numbers_that_no_history_may_hold_are_refused(factor, sentence):
    assert f"factors.0.{sentence}" in faults({"factors": [{"name": "x", **factor}]})[0]


def test_what_is_no_object_is_told_in_plain_words():
    found = faults({"factors": [7], "responses": ["y"], "constraints": [None]})
    assert found == (
        'factors.0: must be an object, as {"name": "temperature", …}, got 7',
        'responses.0: must be an object, as {"name": "temperature", …}, got \'y\'',
        'constraints.0: must be an object, as {"kind": "formula", "expression": "flow * time",'
        ' "at_most": 12}, got None',
    )


def test_levels_and_components_that_no_file_can_hold_are_refused():
    level = {"name": "c", "kind": "categorical", "levels": ["a ", "b"]}
    part = {"name": "m", "kind": "composition", "components": ["Pt", " "]}
    assert faults({"factors": [level, part]}) == (
        "factors.0.levels: must be words without spaces around them, got 'a '",
        "factors.1.components: must be words without spaces around them, got ' '",
    )


def test_two_factors_with_one_column_are_refused():
    mixture = {"name": "ratio", "kind": "composition", "components": ["Pt", "Mo"]}
    number = {"name": "ratio.Pt", "low": 0, "high": 1}
    name = {"name": "ratio.Pt", "kind": "categorical", "levels": ["a", "b"]}
    for other in (number, name):
        assert faults({"factors": [other, mixture]}) == (
            "factors.1.name: its column 'ratio.Pt' is one of factors.0 too",
        )
