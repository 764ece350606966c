"""Histories: CSV there and back, and every fault of a file at once."""

import io

import pytest
from hypothesis import HealthCheck, given, settings

from planners.base import (
    Categorical,
    Composition,
    Continuous,
    Measured,
    Observation,
    Problem,
    Response,
)
from planners.errors import BadHistory
from planners.history import columns, history_from_json, read_history, write_history
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
        "row 4: yield: must be a finite number, got 'nan'; leave it empty instead",
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
        ([{"point": {}}], "run 0: temperature: must be a number, got None"),
        ([{"status": "odd"}], "run 0: status: must be one of ok"),
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
    assert fault == "row 2: temperature: must be a number, got '60,5'"


def test_a_name_keeps_its_comma_beside_semicolons():
    alcohol = "2,2,2-trifluoroethanol"
    problem = Problem((Categorical("solvent", (alcohol, "THF")),), (Response("y"),))
    (run,) = read_history(["solvent;y", f"{alcohol};0,5"], problem)
    assert run.point == {"solvent": alcohol}


def test_only_what_may_be_empty_is_told_to_be_left_empty():
    assert sorted(faults("nan,MeCN,1,0,n/a,,3,ok")) == [
        "row 2: temperature: must be a finite number, got 'nan'",
        "row 2: yield: must be a number, got 'n/a'; leave it empty instead",
    ]


def test_in_a_request_too_what_was_not_achieved_counts_as_requested():
    point = {"temperature": 60.0, "solvent": "MeCN", "ratio": {"Pt": 1.0}}
    (run,) = history_from_json([{"point": point, "achieved": {"temperature": 58.0}}], PROBLEM)
    assert run.achieved == {**point, "temperature": 58.0}
