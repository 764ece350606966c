"""CSV text as other countries' spreadsheets write it."""

from planners.base import Continuous, Problem, Response
from planners.cells import read_cells
from planners.history import read_history
from planners.select.table import read_sheet, read_table
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
