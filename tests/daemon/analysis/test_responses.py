"""Responses are computed as defined, with their uncertainty, or have no value."""

from dataclasses import dataclass
from importlib.metadata import entry_points

import pytest

from daemon.analysis.estimate import AnalysisFailed, Estimate
from daemon.analysis.pipeline import Analysis, SampleResult, load_response
from daemon.analysis.quality import Verdict, judge, mass_balance
from daemon.analysis.responses import (
    Concentration,
    Conversion,
    EFactor,
    FeedRate,
    Measured,
    SpaceTimeYield,
    Yield,
)
from daemon.analysis.species import analysis_faults, species_table
from daemon.errors import ConfigError
from tests.daemon.analysis.test_spectrum import spectrum
from tests.daemon.experiment.flow import example

MEASURED = Measured(
    concentrations={"dfnb": Estimate(0.03, 0.002), "ortho": Estimate(0.24, 0.003)},
    inlet={"dfnb": 0.3, "pyrrolidine": 0.6},
    limiting="dfnb",
    product="ortho",
    residence_time_min=2.0,
    temperature_degc=90.0,
    total_ml_min=0.5,
    feeds={
        "substrate": FeedRate(0.3, {"dfnb": 0.15e-3}),
        "amine": FeedRate(0.2, {"pyrrolidine": 0.3e-3}),
    },
    molar_mass={"ortho": 210.21, "dfnb": 159.09, "pyrrolidine": 71.12},
)


@pytest.mark.parametrize(
    ("response", "value", "sd", "unit"),
    [
        (Concentration(), 0.24, 0.003, "mol/L"),
        (Concentration(species="dfnb"), 0.03, 0.002, "mol/L"),
        (Yield(), 0.8, 0.01, "mol/mol"),
        (Conversion(), 0.9, 0.002 / 0.3, "mol/mol"),
        # 210.21 g/mol x 0.24 mol/L in 2 min: 30 reactor volumes an hour
        (SpaceTimeYield(), 210.21 * 0.24 * 30, 210.21 * 0.003 * 30, "kg/(m3 h)"),
    ],
)
def test_each_response_by_its_definition(response, value, sd, unit):
    estimate = response.evaluate(MEASURED)
    assert estimate.value == pytest.approx(value)
    assert estimate.sd == pytest.approx(sd)
    assert response.unit == unit


def test_the_e_factor_counts_all_that_went_in_but_the_product():
    product = 0.24 * 0.5e-3 * 210.21
    estimate = EFactor().evaluate(MEASURED)
    assert estimate.value == pytest.approx((0.5 - product) / product)
    assert estimate.sd == pytest.approx(0.5 / product * 0.003 / 0.24)


def test_the_e_factor_without_solvent_counts_the_solutes_alone():
    product = 0.24 * 0.5e-3 * 210.21
    solutes = 0.15e-3 * 159.09 + 0.3e-3 * 71.12
    assert EFactor(solvent=False).evaluate(MEASURED).value == pytest.approx(
        (solutes - product) / product
    )


@pytest.mark.parametrize(
    ("response", "measured", "says"),
    [
        (Concentration(species="bis"), {}, "bis was not measured; the analysis sees dfnb, ortho"),
        (Yield(), {"inlet": {}}, "no dfnb went into the reactor"),
        (SpaceTimeYield(), {"molar_mass": {}}, r"chemistry\.molar_mass\.ortho: is missing"),
        (EFactor(), {"concentrations": {"ortho": Estimate(0.0, 0.01)}}, "no ortho was made"),
    ],
)
def test_a_response_without_a_value_says_why(response, measured, says):
    from dataclasses import replace

    with pytest.raises(AnalysisFailed, match=says):
        response.evaluate(replace(MEASURED, **measured))


def test_every_response_of_the_package_is_an_entry_point():
    names = {point.name for point in entry_points(group="taylord.responses")}
    assert {"concentration", "conversion", "e_factor", "space_time_yield", "yield"} <= names


def test_options_of_a_response_are_its_keywords():
    assert load_response("concentration", {"species": "bis"}) == Concentration(species="bis")
    with pytest.raises(ConfigError, match=r"responses\.yield: .*colour"):
        load_response("yield", {"colour": "red"})


def test_the_configuration_comes_before_the_chemistry_in_what_is_known_of_species():
    table = species_table(
        example(
            chemistry={"molar_mass": {"ortho": 1.0}},
            analysis={"peaks": {"ortho": {"low": 1.0, "high": 1.2, "nuclei": 3}}},
        )
    )
    assert table.molar_mass["ortho"] == 1.0
    assert table.molar_mass["dfnb"] == 159.09
    assert (table.regions["ortho"].low, table.regions["ortho"].nuclei) == (1.0, 3)
    assert table.regions["dfnb"].low == 8.05


def test_without_a_chemistry_only_the_configuration_is_known():
    table = species_table(example(simulation=None, chemistry={"molar_mass": {"x": 5.0}}))
    assert (table.molar_mass, table.regions) == ({"x": 5.0}, {})


def test_faults_of_the_regions_name_their_keys():
    assert analysis_faults(example()) == []
    assert analysis_faults(example(analysis=None)) == []
    lost = example(simulation=None)
    assert analysis_faults(lost) == [
        "analysis.peaks.ortho: is missing: where does the product show?"
    ]
    crossed = example(
        analysis={
            "peaks": {
                "ortho": {"low": 8.1, "high": 8.4},
                "bis": {"low": 5.0, "high": 4.0},
            }
        }
    )
    faults = analysis_faults(crossed)
    assert "analysis.peaks.bis: low must be less than high, got [5, 4]" in faults
    assert any(fault.startswith("analysis.peaks.ortho: overlaps dfnb") for fault in faults)


CLEAR = {"ortho": 100.0}
INLET = {"dfnb": 0.3, "pyrrolidine": 0.6}


def judged(settings=None, snr=CLEAR, faults=(), **found):
    estimates = {name: Estimate(c, 0.001) for name, c in found.items()}
    return judge(settings or example(), estimates, snr, INLET, faults)


def test_a_sound_measurement_is_ok():
    assert judged(dfnb=0.05, ortho=0.24, bis=0.01, pyrrolidine=9.9) == Verdict()


def test_a_mass_balance_outside_its_window_is_suspect():
    verdict = judged(dfnb=0.05, ortho=0.1)
    assert verdict.quality == "suspect"
    assert verdict.reasons == ("mass balance 50 % is outside 85-115 %",)


def test_the_mass_balance_needs_the_limiting_species():
    assert judged(ortho=0.1).quality == "ok"
    assert mass_balance(example(), {"dfnb": Estimate(0.1)}, {}) is None


def test_more_product_than_what_went_in_is_suspect_also_where_nothing_else_is_seen():
    verdict = judged(ortho=1e30)
    assert verdict.quality == "suspect"
    assert verdict.reasons == ("1e+30 mol/L of ortho, where dfnb went in at 0.3",)


@pytest.mark.parametrize(("ratio", "quality"), [(11.0, "ok"), (5.0, "suspect"), (2.0, "suspect")])
def test_a_weak_product_is_suspect(ratio, quality):
    assert judged(snr={"ortho": ratio}, dfnb=0.05, ortho=0.24).quality == quality


def test_a_product_that_is_not_there_is_a_finding_while_the_mass_balance_is_whole():
    verdict = judged(snr={"ortho": 0.5}, dfnb=0.299, ortho=0.0)
    assert verdict.quality == "suspect"
    assert verdict.reasons == ("ortho is below detection, the mass balance is whole",)


def test_a_product_that_is_not_seen_has_failed_when_the_rest_is_missing_too():
    assert judged(snr={"ortho": 0.5}, dfnb=0.05, ortho=0.0).quality == "failed"
    assert judged(snr={"ortho": 0.5}, ortho=0.0).quality == "failed"


def test_a_fault_while_the_sample_was_in_the_reactor_makes_it_suspect():
    verdict = judged(faults=("pump-a lost its connection",), dfnb=0.05, ortho=0.24)
    assert verdict.quality == "suspect"
    assert "pump-a lost its connection" in verdict.reasons[0]


def test_the_worst_finding_stands():
    verdict = Verdict().also("failed", "a").also("suspect", "b")
    assert (verdict.quality, verdict.reasons) == ("failed", ("a", "b"))


def test_nothing_is_judged_without_chemistry_or_analysis():
    assert judged(example(chemistry=None), ortho=0.1).quality == "ok"


SAMPLES = [
    SampleResult(
        {"dfnb": Estimate(0.05, 0.001), "ortho": Estimate(c, 0.002)},
        {"dfnb": 50.0, "ortho": 80.0},
    )
    for c in (0.24, 0.25)
]
FLOWS = {"substrate": 0.15, "amine": 0.143, "solvent": 0.707}


def test_samples_and_flows_become_responses_with_quality():
    analysis = Analysis(example(responses=[{"name": "y", "kind": "yield"}]))
    (response,) = analysis.evaluate(SAMPLES, FLOWS, 1.0, 90.0, Verdict()).values()
    assert response.value == pytest.approx(0.245 / 0.3)
    assert response.sd == pytest.approx(0.005 / 0.3)
    assert (response.quality, response.reason) == ("ok", "")
    assert analysis.units == {"y": "mol/mol"}


def test_what_is_known_against_an_experiment_marks_its_responses():
    analysis = Analysis(example(responses=[{"name": "yield"}]))
    doubt = Verdict("suspect", ("not steady",))
    (response,) = analysis.evaluate(SAMPLES, FLOWS, 1.0, 90.0, doubt).values()
    assert (response.quality, response.reason) == ("suspect", "not steady")
    assert response.value is not None


def test_a_failed_analysis_is_never_a_number():
    analysis = Analysis(example(responses=[{"name": "yield"}, {"name": "e_factor"}]))
    for responses in (
        analysis.evaluate([], FLOWS, 1.0, 90.0, Verdict("failed", ("no analysis",))),
        analysis.evaluate(SAMPLES, FLOWS, 0.0, 90.0, Verdict()),
        analysis.evaluate(SAMPLES, FLOWS, 1.0, 90.0, Verdict("failed", ("fault",))),
        analysis.failed("fault"),
    ):
        assert set(responses) == {"yield", "e_factor"}
        assert all((r.value, r.sd, r.quality) == (None, None, "failed") for r in responses.values())
        assert all(r.reason for r in responses.values())


def test_one_response_may_fail_while_the_others_stand():
    analysis = Analysis(
        example(
            responses=[{"name": "yield"}, {"name": "c", "kind": "concentration", "species": "x"}]
        )
    )
    responses = analysis.evaluate(SAMPLES, FLOWS, 1.0, 90.0, Verdict())
    assert responses["yield"].quality == "ok"
    assert (responses["c"].quality, responses["c"].value) == ("failed", None)


def test_without_a_chemistry_section_nothing_can_be_counted():
    analysis = Analysis(example(chemistry=None, responses=[{"name": "yield"}]))
    (response,) = analysis.evaluate(SAMPLES, FLOWS, 1.0, 90.0, Verdict()).values()
    assert response.reason == "[chemistry] does not say which species are counted"


def test_without_regions_a_spectrum_gives_nothing():
    analysis = Analysis(example(simulation=None))
    with pytest.raises(AnalysisFailed, match=r"\[analysis\] peaks"):
        analysis.sample(spectrum({}))


@dataclass(frozen=True)
class Selectivity:
    """A response as a plug-in author writes it."""

    of: str
    over: str
    unit: str = "mol/mol"

    def evaluate(self, measured: Measured) -> Estimate:
        a, b = measured.found(self.of), measured.found(self.over)
        return Estimate(a.value / (a.value + b.value))


def test_a_response_from_elsewhere_needs_only_a_unit_and_evaluate():
    assert Selectivity("ortho", "dfnb").evaluate(MEASURED).value == pytest.approx(0.24 / 0.27)


@dataclass
class Formula:
    """A plug-in response whose formula gives what it is told, or raises it."""

    outcome: object
    unit: str = ""

    def evaluate(self, measured):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


IMPOSSIBLE = {
    "nan": (Estimate(float("nan"), 0.1), "cannot be nan +/- 0.1"),
    "inf": (Estimate(float("inf")), "cannot be inf +/- 0"),
    "no sd": (Estimate(1.0, float("nan")), "cannot be 1 +/- nan"),
    "beyond": (Estimate(-1e101), "cannot be -1e+101 +/- 0"),
    "zero": (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    "log": (ValueError("math domain error"), "cannot be computed: ValueError: math domain error"),
}


@pytest.mark.parametrize(("outcome", "why"), IMPOSSIBLE.values(), ids=list(IMPOSSIBLE))
def test_a_formula_that_the_numbers_do_not_suit_gives_no_value(outcome, why):
    analysis = Analysis(example())
    analysis.responses["space_time_yield"] = Formula(outcome)
    found = {"dfnb": Estimate(0.1, 0.001), "ortho": Estimate(0.2, 0.001)}
    samples = [SampleResult(found, CLEAR)]
    flows = {"substrate": 0.15, "amine": 0.15, "solvent": 0.7}
    response = analysis.evaluate(samples, flows, 1.0, 60.0, Verdict())["space_time_yield"]
    assert (response.value, response.quality) == (None, "failed")
    assert why in response.reason


def test_a_spectrum_of_impossible_size_gives_no_concentration():
    analysis = Analysis(example())
    with pytest.raises(AnalysisFailed, match=r"the spectrum gives .* mol/L of "):
        analysis.sample(spectrum({}, noise=1e120))
