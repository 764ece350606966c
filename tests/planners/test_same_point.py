"""The same history and seed give the same point in every process, whatever is around it."""

import json

import pytest

from benchmarks.planner_start import difference, same_points


@pytest.fixture(scope="module")
def points():
    return same_points()


def test_threads_hash_seed_and_working_directory_change_no_digit(points):
    own = {text for name, text in points.items() if name != "older processor"}
    assert len(own) == 1
    assert len(json.loads(own.pop())) == 2


def test_the_numerics_of_another_processor_change_the_last_digits_at_most(points):
    assert difference(points["one thread"], points["older processor"]) < 1e-5
