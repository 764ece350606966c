"""CSV text as other countries' spreadsheets write it."""

import csv

import pytest

from planners.base import Continuous, Problem, Response
from planners.cells import number_of, read_cells
from planners.errors import BadHistory
from planners.history import read_history
from planners.select.sheet import read_sheet
from planners.select.table import read_table
from planners.softsensor import read_table as read_training


def test_plain_csv_is_left_as_it_is():
    assert read_cells(["a,b;c", '1.5,"2,5"']) == [["a", "b;c"], ["1.5", "2,5"]]
    assert read_cells([]) == []


def test_semicolons_and_decimal_commas_are_read():
    assert read_cells(["a;b;c", "1,5;-2,5e-3;x, y"]) == [
        ["a", "b", "c"],
        ["1.5", "-2.5e-3", "x, y"],
    ]
    assert read_cells(["a\tb", "1,5\t2"]) == [["a", "b"], ["1.5", "2"]]


def test_a_comma_within_a_name_of_the_header_separates_nothing():
    lines = ["t, degC;y;operator, day", "2,5;0,7;Ada, Monday"]
    assert read_cells(lines) == [["t, degC", "y", "operator, day"], ["2.5", "0.7", "Ada, Monday"]]
    assert read_cells(['t,"a; b; c"', "1,x"]) == [["t", "a; b; c"], ["1", "x"]]


def test_a_first_line_that_says_the_separator_does_so_and_is_no_row():
    assert read_cells(["sep=;", "a, b;c", "1,5;2"]) == [["a, b", "c"], ["1.5", "2"]]
    assert read_cells(["\ufeffSEP=,", "a;b,c", "1,5"]) == [["a;b", "c"], ["1", "5"]]
    assert read_cells(["sep=;"]) == []


def test_commas_stay_where_a_decimal_point_says_that_they_may_mean_something_else():
    assert read_cells(["a;b", "1,234;0.5"]) == [["a", "b"], ["1,234", "0.5"]]


def test_every_reader_of_tables_reads_them(tmp_path):
    problem = Problem((Continuous("t", 0, 10),), (Response("y"),))
    (run,) = read_history(["t;y", "2,5;0,7"], problem)
    assert (run.point["t"], run.responses["y"].value) == (2.5, 0.7)
    assert read_training(["t;y", "2,5;0,7"], ["t"], "y").x[0, 0] == 2.5
    file = tmp_path / "runs.csv"
    file.write_text("t;y\n" + "".join(f"{i},5;{i},25\n" for i in range(9)), encoding="utf-8")
    table = read_table(read_sheet(file), "y")
    assert (table.x[1, 0], table.y[1]) == (1.5, 1.25)


def test_decimal_points_in_columns_that_are_passed_over_say_nothing_of_commas():
    problem = Problem((Continuous("t", 0, 10),), (Response("y"),))
    dated = ["date;sample;t;y", "12.05;1.1;2,5;0,7"]
    (run,) = read_history(dated, problem)
    assert (run.point["t"], run.responses["y"].value) == (2.5, 0.7)
    assert read_training(dated, ["t"], "y").x[0, 0] == 2.5
    assert read_cells(dated)[1] == ["12.05", "1.1", "2,5", "0,7"]  # who reads all columns


def test_a_decimal_comma_that_cannot_be_read_is_told_with_what_it_needs():
    problem = Problem((Continuous("t", 0, 10),), (Response("y"),))
    for lines in (["t;y", "2,5;0.7"], ["t,y", '"2,5",7']):
        with pytest.raises(BadHistory, match=r"'2,5'; decimal commas need semicolons or tabs"):
            read_history(lines, problem)


def test_a_quotation_mark_out_of_place_is_told_with_its_row():
    for row in ('1,"2', '1,"1/16" tube"'):
        with pytest.raises(csv.Error, match=r"^row 2: a quotation mark is out of place$"):
            read_cells(["a,b", row])


def test_a_number_is_what_people_write_and_no_python():
    assert (number_of("1e3"), number_of(" 2.5 ")) == (1000.0, 2.5)
    assert number_of("1_000") is number_of("n.d.") is number_of("") is None
