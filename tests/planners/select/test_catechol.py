"""Solvents nobody has tried: as good as the published Gaussian process."""

import pytest

from benchmarks import catechol

pytestmark = pytest.mark.skipif(
    not catechol.DATA.exists(),
    reason="the public data set catechol_transient_flow is not beside the project",
)


@pytest.fixture(scope="module")
def found():
    """Return what the benchmark measures of its own form, and of the plain one."""
    return catechol.measured(catechol.DATA, [catechol.FORM, ("RBF", "plain")])


def test_unseen_solvents_are_foretold_within_a_fifth_of_the_published_error(found):
    assert found["solvents"] == 24
    assert found["rows"] == 656
    assert found["published_mse"] == pytest.approx(0.0122, abs=1e-4)
    for form in found["forms"].values():
        assert form["mse"] == pytest.approx(0.0122, rel=0.2)


def test_solvents_that_are_hard_there_are_hard_here(found):
    assert found["forms"][", ".join(catechol.FORM)]["correlation_of_logs"] > 0.8
