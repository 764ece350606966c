"""The published virtual resin (see SOURCE.txt beside it); not part of the repository."""

from pathlib import Path

import pytest

from planners.select.sheet import read_sheet
from planners.select.table import read_table

FILE = Path(__file__).parents[4] / "shared" / "data" / "kaneko_resin" / "resin.csv"
needed = pytest.mark.skipif(not FILE.exists(), reason=f"the public data are not at {FILE}")


def table():
    return read_table(read_sheet(FILE), "property")
