"""Documents become plain JSON, whatever they were built of; raw data lie beside the database."""

import json
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from daemon.errors import StoreFailed
from daemon.store.documents import clean, plain, to_json
from daemon.store.raw import RawFiles
from daemon.store.reader import Reader
from drivers.roles import Spectrum


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Found:
    value: float
    sd: float | None


def test_what_the_daemon_has_becomes_plain_json():
    document = {
        "numpy": np.float64(1.5),
        "flag": np.bool_(True),
        "array": np.array([1.0, np.nan]),
        "enum": Colour.RED,
        "found": Found(0.5, None),
        "frozen": MappingProxyType({"a": (1, 2)}),
        7: None,
        "other": 1j,
    }
    assert json.loads(to_json(document)) == {
        "numpy": 1.5, "flag": True, "array": [1.0, None], "enum": "red",
        "found": {"value": 0.5, "sd": None}, "frozen": {"a": [1, 2]}, "7": None, "other": "1j",
    }  # fmt: skip


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(values)
def test_everything_plain_is_ascii_and_comes_back(value):
    text = to_json(value)
    assert text.isascii()
    assert json.loads(text) == plain(value)


@given(st.text(alphabet=st.characters()))
def test_clean_text_can_always_be_stored(text):
    clean(text).encode("utf-8")


def spectrum():
    axis, y = np.array([1.0, 2.0]), np.array([0.25, 1e-9])
    return Spectrum(axis, "ppm", y, "a.u.", 0.0, 1.0)


def test_a_spectrum_lies_in_a_file_with_its_units(tmp_path):
    RawFiles(tmp_path, "c-0001").spectrum("e-0001", 2, spectrum())
    text = (tmp_path / "raw" / "c-0001" / "e-0001" / "2.csv").read_text()
    assert text == "ppm,a.u.\n1,0.25\n2,1e-09\n"


def test_a_spectrum_that_cannot_be_kept_is_logged_and_costs_nothing_more(tmp_path):
    (tmp_path / "raw").write_text("in the way")
    files = RawFiles(tmp_path)
    with capture_logs() as logs:
        files.spectrum("e-0001", 1, spectrum())
    assert files.lost == 1
    assert logs[0]["event"] == "raw.lost"


@pytest.mark.virtual
async def test_a_query_that_fails_is_a_fault_of_the_store(opened):
    opened.open()
    with Reader(opened.directory) as reader, pytest.raises(StoreFailed, match="cannot be read"):
        reader.table("no_such_table")
