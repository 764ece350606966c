"""Whole days are not traced for coverage.

Whatever lines they run, smaller tests run as well, and tracing makes a day two to three times as
long.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.no_cover)
