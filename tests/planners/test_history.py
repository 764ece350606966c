"""Histories: CSV there and back, and every fault of a file at once."""

import io

import pytest
from hypothesis import HealthCheck, given, settings

from planners.base import (
    Categorical,
    Composition,
    Continuous,
    Discrete,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.errors import BadHistory
from planners.factors.possible import impossible
from planners.history import cells, columns, read_history, write_history
from planners.history_json import history_from_json
from tests.planners.strategies import situations

PROBLEM = Problem(
    (
        Continuous("temperature", 30, 120, "degC"),
        Categorical("solvent", ("MeCN", "THF")),
        Composition("ratio", ("Pt", "Mo")),
    ),
    (Response("yield"), Response("cost", "minimise")),
)
HEADER = "temperature,solvent,ratio.Pt,ratio.Mo,yield,yield.sd,cost,status"


def read(*rows, header=HEADER):
    return read_history([header, *rows], PROBLEM)


def faults(*rows, header=HEADER):
    with pytest.raises(BadHistory) as caught:
        read(*rows, header=header)
    return list(caught.value.faults)


def test_columns_are_those_of_the_contract():
    named = ["temperature", "solvent", "ratio.Pt", "ratio.Mo", "yield", "yield.sd", "cost"]
    assert columns(PROBLEM)[:9] == [*named, "cost.sd", "status"]


def test_an_empty_cell_is_not_measured():
    (run,) = read("60,MeCN,1,,0.5,0.01,,ok")
    assert run.responses == {"yield": Measured(0.5, 0.01)}
    assert run.point["ratio"] == {"Pt": 1.0, "Mo": 0.0}


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ("60,MeCN,1,0,0.5,,3,", "ok"),
        ("60,MeCN,1,0,,,,", "pending"),
        ("60,MeCN,1,0,,,,Failed", "failed"),
    ],
)
def test_a_status_left_out_follows_from_what_was_measured(row, status):
    assert read(row)[0].status == status


def test_blank_lines_other_columns_and_a_byte_order_mark_are_passed_over():
    runs = read("", "a,60,MeCN,1,0,0.5,,3,ok", " ", header="\ufeffid," + HEADER)
    assert len(runs) == 1


WRITTEN = Problem(
    (
        Continuous("p", 0.1, 123.45678),
        Discrete("d", (1.2345678, 2.3456789)),
        Composition("ratio", ("Pt", "Mo", "Nb")),
    ),
    (Response("yield"),),
)


@pytest.mark.parametrize(
    ("row", "meant"),
    [
        ("123.457,1.23457,1,0,0", (123.45678, 1.2345678, (1.0, 0.0, 0.0))),
        ("0.1,2.34568,0.333333,0.333333,0.333333", (0.1, 2.3456789, (1 / 3, 1 / 3, 1 / 3))),
        ("50,2.34568,0.33,0.33,0.33", (50.0, 2.3456789, (1 / 3, 1 / 3, 1 / 3))),
        ("50,2.34568,0.17,0.67,0.17", (50.0, 2.3456789, (0.17 / 1.01, 0.67 / 1.01, 0.17 / 1.01))),
    ],
)
def test_a_value_written_with_few_digits_is_the_one_that_was_meant(row, meant):
    header = "p,d,ratio.Pt,ratio.Mo,ratio.Nb,yield"
    (run,) = read_history([header, f"{row},0.5"], WRITTEN)
    p, d, ratio = meant
    assert (run.point["p"], run.point["d"]) == (p, pytest.approx(d, abs=2e-6))
    assert tuple(run.point["ratio"].values()) == pytest.approx(ratio)
    assert WRITTEN.faults(run.point) == []


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("123.47,2.3456789,1,0,0", "p: must be in [0.1, 123.45678], got 123.47"),
        ("124,2.3456789,1,0,0", "p: must be in [0.1, 123.45678], got 124"),
        ("50,2.3,1,0,0", "d: must be one of 1.2345678, 2.3456789, got 2.3"),
        ("50,2.3456789,1,0.5,0", "ratio: must add up to 1, got 1.5"),
        ("0,2.3456789,1,0,0", "p: must be in [0.1, 123.45678], got 0"),
        ("50,2.3456789,0.501,0.495,0", "ratio: must add up to 1, got 0.996"),
    ],
)
def test_what_no_rounding_explains_is_a_fault_told_with_all_its_digits(row, sentence):
    with pytest.raises(BadHistory) as caught:
        read_history(["p,d,ratio.Pt,ratio.Mo,ratio.Nb,yield", f"{row},0.5"], WRITTEN)
    (fault,) = caught.value.faults
    assert fault.partition(";")[0] == f"row 2: {sentence}"


def test_runs_with_more_parts_than_may_be_asked_for_by_now_teach():
    mixture = Composition("m", ("a", "b", "c"), max_components=1)
    lines = ["m.a,m.b,m.c,y", "0.5,0.5,0,1", "0,0,1,2"]
    first, _ = read_history(lines, Problem((mixture,), (Response("y"),)))
    assert first.point["m"] == {"a": 0.5, "b": 0.5, "c": 0.0}
    with pytest.raises(BadHistory, match="row 2: m: must have at most 1 components, got 2"):
        read_history(lines, Problem((mixture,)))  # a list of points to be asked for


def test_a_part_that_was_taken_out_of_a_mixture_is_told_with_what_to_do():
    problem = Problem((Composition("m", ("a", "b")),), (Response("y"),))
    with pytest.raises(BadHistory, match=r"got 0.5; a part that may be used no more stays, with a"):
        read_history(["m.a,m.b,m.c,y", "0.25,0.25,0.5,1"], problem)


def test_parts_of_a_mixture_that_were_not_read_count_as_requested():
    header = HEADER + ",achieved.ratio.Pt,achieved.ratio.Mo"
    whole, part, none = read(
        "60,MeCN,0.5,0.5,0.5,,3,ok,0.48,0.51",
        "60,MeCN,0.5,0.5,0.5,,3,ok,0.48,",
        "60,MeCN,0.5,0.5,0.5,,3,ok,,",
        header=header,
    )
    assert whole.achieved["ratio"] == {"Pt": 0.48, "Mo": 0.51}
    assert part.achieved["ratio"] == {"Pt": 0.48, "Mo": 0.5}
    assert none.achieved is None


@pytest.mark.parametrize("responses", ["0.5,,3", "0.5,,"])
def test_a_reading_beside_pending_counts(responses):
    (run,) = read(f"60,MeCN,1,0,{responses},pending")
    assert run.status == "ok"
    assert run.responses["yield"].value == 0.5


def test_every_fault_of_a_file_is_named_with_row_and_column():
    found = faults(
        "hot,MeCN,1,0,0.5,,3,ok",
        "130,MeCN,1,0,0.5,,3,ok",
        "60,water,0.5,0,nan,-1,3,done",
        ",MeCN,,,0.5,,3,ok,,",
    )
    text = "\n".join(found)
    for sentence in (
        "row 2: temperature: must be a number, got 'hot'",
        "row 3: temperature: must be in [30, 120], got 130",
        "row 4: solvent: must be one of MeCN, THF, got 'water'",
        "row 4: ratio: must add up to 1, got 0.5",
        "row 4: yield: must be a finite number, got 'nan'; leave it empty where nothing was measured",
        "row 4: yield.sd: must be >= 0, got -1",
        "row 4: status: must be one of ok, suspect, failed, pending, got 'done'",
        "row 5: 10 cells under 8 columns",
        "row 5: temperature: is empty; every run needs all its factors",
        "row 5: ratio: is empty",
    ):
        assert sentence in text
    assert sum("row 2: temperature" in f for f in found) == 1


def test_a_missing_column_is_named_with_its_nearest():
    found = faults("60", header="Temperature,solvent,ratio.Pt,ratio.Mo,yeild,cost,cost")
    assert found == [
        "row 1: no column 'temperature' (did you mean 'Temperature'?)",
        "row 1: no column 'yield' (did you mean 'yeild'?)",
        "row 1: column 'cost' comes twice",
    ]


def test_a_column_of_a_problem_that_has_grown_is_told_with_what_to_write_in_it():
    found = faults("60", header="temperature,solvent,ratio.Mo,cost")
    assert found == [
        "row 1: no column 'ratio.Pt'; add it, with the value that each run had",
        "row 1: no column 'yield'; add it, and leave it empty where nothing was measured",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Status", "status"),
        ("yield_sd", "yield.sd"),
        ("yield SD", "yield.sd"),
        ("Achieved Temperature", "achieved.temperature"),
        ("achieved_ratio_Pt", "achieved.ratio.Pt"),
    ],
)
def test_a_column_that_would_be_passed_over_for_its_spelling_is_named(written, meant):
    header = HEADER.replace("yield.sd", "note").replace("status", "what")
    assert faults("60,MeCN,1,0,0.5,,3,ok,1", header=f"{header},{written}") == [
        f"row 1: column {written!r} would be passed over; write {meant!r}, or leave it out"
    ]


def test_a_column_beside_the_one_that_counts_is_passed_over():
    (run,) = read("60,MeCN,1,0,0.5,,3,ok,done", header=HEADER + ",Status")
    assert run.status == "ok"


def test_an_empty_file_is_named_with_the_columns_it_needs():
    with pytest.raises(BadHistory, match="has no header row; the columns are temperature"):
        read_history([], PROBLEM)


def test_a_file_that_is_no_csv_is_named():
    with pytest.raises(BadHistory, match="is not CSV"):
        read('60,"MeCN')


def test_thousands_of_faults_are_not_all_printed():
    found = faults(*["x,MeCN,1,0,0.5,,3,ok"] * 200)
    assert len(found) == 51
    assert found[-1] == "and 150 faults more"
    assert faults(*["x,MeCN,1,0,0.5,,3,ok"] * 51)[-1] == "and 1 fault more"


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(situation=situations(max_constraints=0))
def test_a_history_survives_its_csv_and_its_json(situation):
    problem, history = situation
    file = io.StringIO()
    write_history(file, problem, history)
    again = read_history(file.getvalue().splitlines(), problem)
    named = [run for run in history if run.status != "ok" or run.responses]
    kept = [run for run in again if run.status != "ok" or run.responses]
    assert [(r.point, r.responses, r.status, r.achieved) for r in kept] == [
        (r.point, r.responses, r.status, r.achieved) for r in named
    ]
    assert history_from_json([run.to_json() for run in history], problem) == list(history)


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ({}, "must be a list of runs"),
        ([3], "run 0: must be an object"),
        ([{"point": {}}], "run 0: temperature: is missing"),
        (
            [{"point": {"temprature": 50.0}}],
            "run 0: temperature: is missing (did you mean 'temprature'?)",
        ),
        ([{"status": "odd"}], "run 0: status: must be one of ok"),
        ([{"achieved": [60.0]}], "run 0: achieved: must be an object, got [60.0]"),
        ([{"responses": {"yield": 3}}], "run 0: yield: must be an object with value and sd, got 3"),
    ],
)
def test_a_malformed_json_history_is_named(items, sentence):
    with pytest.raises(BadHistory) as caught:
        history_from_json(items, PROBLEM)
    assert sentence in str(caught.value)


def test_a_run_that_measured_nothing_survives_its_json():
    run = Observation({"temperature": 60.0, "solvent": "THF", "ratio": {"Pt": 1.0, "Mo": 0.0}})
    assert history_from_json([run.to_json()], PROBLEM) == [run]


def test_a_run_out_of_range_passes_in_a_request():
    point = {"temperature": 250.0, "solvent": "THF", "ratio": {"Pt": 3.0}}
    (run,) = history_from_json([{"point": point}], PROBLEM)
    assert run.point == point
    with pytest.raises(BadHistory, match="run 0: ratio: must have amounts >= 0, got 'x' of Pt"):
        history_from_json([{"point": {**point, "ratio": {"Pt": "x"}}}], PROBLEM)


@pytest.mark.parametrize(
    ("separator", "temperature", "reading"),
    [
        (";", "60,5", "0,25"),
        (";", "60.5", "0.25"),
        ("\t", "60.5", "0.25"),
        ("\t", "60,5", "0,25"),
    ],
)
def test_cells_are_separated_as_those_of_the_header_are(separator, temperature, reading):
    row = separator.join([temperature, "MeCN", "1", "", reading, "", "", "ok"])
    (run,) = read(row, header=HEADER.replace(",", separator))
    assert run.point["temperature"] == 60.5
    assert run.responses == {"yield": Measured(0.25)}


def test_beside_commas_a_number_has_no_decimal_comma():
    (fault,) = faults('"60,5",MeCN,1,0,0.5,,,ok')
    assert fault.startswith("row 2: temperature: must be a number, got '60,5'; decimal commas need")


def test_a_name_keeps_its_comma_beside_semicolons():
    alcohol = "2,2,2-trifluoroethanol"
    problem = Problem((Categorical("solvent", (alcohol, "THF")),), (Response("y"),))
    (run,) = read_history(["solvent;y", f"{alcohol};0,5"], problem)
    assert run.point == {"solvent": alcohol}


def test_only_what_may_be_empty_is_told_to_be_left_empty():
    assert sorted(faults("nan,MeCN,1,0,n/a,,3,ok")) == [
        "row 2: temperature: must be a finite number, got 'nan'",
        "row 2: yield: must be a number, got 'n/a'; leave it empty where nothing was measured",
    ]


def test_in_a_request_too_what_was_not_achieved_counts_as_requested():
    point = {"temperature": 60.0, "solvent": "MeCN", "ratio": {"Pt": 1.0}}
    (run,) = history_from_json([{"point": point, "achieved": {"temperature": 58.0}}], PROBLEM)
    assert run.achieved == {**point, "temperature": 58.0}


# --- achieved values that cannot be


RIG = Problem(
    (
        Continuous("temperature", 30, 120),  # degC, by its name
        Continuous("tau", 1, 10, "minutes"),
        Discrete("flow_a", (0.0, 0.5, 1.0)),
        Continuous("load", 0.1, 10.0, "mol%", "log"),
        Continuous("dose", 0.0, 0.2, "mmol/L"),
        Categorical("solvent", ("MeCN", "THF")),
        Composition("ratio", ("Pt", "Mo")),
    ),
    (Response("y"),),
)
ASKED = {"temperature": 60.0, "tau": 2.0, "flow_a": 0.5, "load": 1.0, "dose": 0.1}
ASKED |= {"solvent": "THF", "ratio": {"Pt": 1.0, "Mo": 0.0}}


def achieved(**values):
    """Return the faults of a file whose one run, in row 2, achieved this."""
    row = {**cells(RIG, ASKED), "y": 1.0, **{f"achieved.{n}": v for n, v in values.items()}}
    lines = [",".join(row), ",".join(map(str, row.values()))]
    try:
        (run,) = read_history(lines, RIG)
    except BadHistory as error:
        return list(error.faults)
    assert run.achieved == {**ASKED, **values}
    return []


INSTEAD = "; leave it empty where it is not known: then the value asked for counts"
CANNOT_BE = [
    ("temperature", -273.15, "must be above absolute zero (-273.15 degC), got -273.15"),
    ("tau", -1, "must be >= 0, got -1"),
    ("flow_a", -0.5, "must be >= 0, got -0.5"),
    ("load", -2, "must be >= 0, got -2"),
    ("dose", -0.01, "must be >= 0, got -0.01"),
    ("solvent", "water", "must be one of MeCN, THF, got 'water'"),
]


@pytest.mark.parametrize(("factor", "value", "what"), CANNOT_BE)
def test_an_achieved_value_that_cannot_be_is_named_with_row_factor_and_what_to_do(
    factor, value, what
):
    assert achieved(**{factor: value}) == [f"row 2: achieved.{factor}: {what}{INSTEAD}"]


@pytest.mark.parametrize(
    ("factor", "value"),
    [
        ("temperature", -80.0),
        ("tau", 0.0),
        ("flow_a", 0.0),
        ("flow_a", -0.005),  # the noise of a meter at rest
        ("load", 0.0),
        ("dose", 3.0),
    ],
)
def test_an_achieved_value_out_of_range_that_can_be_is_taken(factor, value):
    assert achieved(**{factor: value}) == []


def test_a_negative_part_of_an_achieved_mixture_cannot_be():
    fault = "row 2: achieved.ratio: must have amounts >= 0, got -0.5 of Mo" + INSTEAD
    assert achieved(**{"ratio.Pt": 1.5, "ratio.Mo": -0.5}) == [fault]


def test_what_stands_beside_the_parts_of_a_mixture_is_passed_over():
    ratio = {"Pt": 1.0, "Mo": -0.005, "lot": "A-7"}
    (run,) = history_from_json([{"point": ASKED, "achieved": {"ratio": ratio}}], RIG)
    assert run.achieved["ratio"] == ratio


@pytest.mark.parametrize(
    ("factor", "value"),
    [
        (Continuous("temperature", 250, 400, "K"), 0.0),
        (Continuous("x", 1, 9, transform="reciprocal_kelvin"), -274.0),
        (Discrete("bath", (20.0, 60.0), "°C"), -274.0),
    ],
)
def test_absolute_zero_is_that_of_the_unit(factor, value):
    assert impossible(factor, value).startswith("must be above absolute zero")
    assert impossible(factor, value + 1.0) == ""


@pytest.mark.parametrize(
    "factor",
    [
        Continuous("temperature", -400, 400, "degC"),
        Continuous("temperature", -1, 1),
        Continuous("flow_change", -2, 2),
        Continuous("pressure", 0, 10, "bar"),
    ],
)
def test_a_scale_of_somebodys_own_has_no_such_limit(factor):
    assert impossible(factor, -1000.0) == ""


def test_in_a_request_too_an_achieved_value_cannot_be_impossible():
    items = [{"point": ASKED}, {"point": ASKED, "achieved": {"temperature": -300, "tau": -1}}]
    with pytest.raises(BadHistory) as caught:
        history_from_json(items, RIG)
    what = "must be above absolute zero (-273.15 degC), got -300"
    assert list(caught.value.faults) == [
        f"run 1: achieved.temperature: {what}{INSTEAD.replace('empty', 'out')}",
        f"run 1: achieved.tau: must be >= 0, got -1{INSTEAD.replace('empty', 'out')}",
    ]


def test_in_a_request_a_value_asked_for_cannot_be_impossible_either():
    with pytest.raises(BadHistory) as caught:
        history_from_json([{"point": {**ASKED, "tau": -1}}], RIG)
    assert list(caught.value.faults) == ["run 0: tau: must be >= 0, got -1"]


def test_a_run_stood_where_it_was_achieved_if_all_of_it_is_known_and_has_a_place():
    point = {"temperature": 60.0, "solvent": "MeCN", "ratio": {"Pt": 1.0}}
    real = {**point, "temperature": 58.0, "temperature_sd": 0.1}
    assert Observation(point, achieved=real).stood(PROBLEM) == real
    assert Observation(point).stood(PROBLEM) == point
    for lacking in ({"temperature": 58.0}, {**real, "solvent": "water"}):
        assert Observation(point, achieved=lacking).stood(PROBLEM) == point


def test_a_header_that_names_nothing_of_the_problem_is_one_fault_that_shows_it():
    for header in (HEADER.replace(",", "|"), "Campaign of May", "a;b"):
        (fault,) = faults("1", header=header)
        assert fault.startswith("row 1: must name the columns temperature, ")
        assert "parted by commas, semicolons or tabs, got " in fault
        assert header[:1] in fault.partition("got ")[2]


def test_columns_that_are_passed_over_may_have_one_name():
    runs = read_history(["t,note,note,,", "1,a,b,,"], Problem((Continuous("t", 0, 10),)))
    assert [run.point for run in runs] == [{"t": 1.0}]


def test_a_reading_below_a_limit_is_to_be_a_number_and_not_left_out():
    lines = ["t,y", "1,<0.1", "2,n.d."]
    with pytest.raises(BadHistory) as caught:
        read_history(lines, Problem((Continuous("t", 0, 10),), (Response("y"),)))
    below, lacking = caught.value.faults
    assert "such as half the limit" in below
    assert "leave it empty" in lacking


def test_runs_outside_a_problem_that_was_narrowed_are_told_with_what_to_do():
    factors = (Continuous("t", 0, 10), Discrete("n", (1, 2)), Categorical("base", ("DBU", "Et3N")))
    with pytest.raises(BadHistory) as caught:
        read_history(["t,n,base,y", "12,3,NaOH,1", "1,1,dbu,1"], Problem(factors, (Response("y"),)))
    above, other, gone, misspelt = caught.value.faults
    assert above.endswith("to search a part of a range, leave it as it was and add a constraint")
    assert other.endswith("got 3; what may be chosen no more goes to dropped")
    assert gone.endswith("got 'NaOH'; what may be chosen no more goes to dropped")
    assert misspelt.endswith("got 'dbu' (did you mean 'DBU'?)")
