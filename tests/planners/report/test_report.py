"""What people are shown: the most probable best run, how good the model is, pictures as files."""

import json
from itertools import pairwise

import numpy as np
import pytest

from daemon.cli import main
from planners.base import (
    Categorical,
    Composition,
    Constraint,
    Continuous,
    Discrete,
    Measured,
    Observation,
    Predicted,
    Problem,
    Response,
    Suggestion,
)
from planners.errors import BadOption
from planners.history import write_history
from planners.report import plots
from planners.report.plots import draw, figure_class, front_rows, not_drawn, quality
from planners.report.study import Study
from planners.report.summary import summarise
from planners.report.ticks import log_ticks
from planners.sampling import feasible_rows

LINE = Problem((Continuous("x", 0.0, 1.0),), (Response("y"),))
MIXED = Problem(
    (
        Continuous("T", 30.0, 120.0, "degC", "reciprocal_kelvin"),
        Discrete("eq", (1, 2, 3)),
        Categorical("base", ("DBU", "Et3N")),
        Composition("m", ("Pt", "Mo", "Nb")),
    ),
    (Response("y"), Response("cost", "minimise")),
    (Constraint({"T": 1.0, "eq": 10.0}, at_most=140.0),),
)


def curve(noise=0.0, n=9):
    """Runs along a hill whose top is at 0.6."""
    rng = np.random.default_rng(3)
    return [
        Observation({"x": x}, {"y": Measured(1.0 - (x - 0.6) ** 2 + noise * rng.normal())})
        for x in np.linspace(0.0, 1.0, n)
    ]


def mixed(n=16):
    """Runs of the mixed problem, some failed, some with one response only."""
    rng = np.random.default_rng(5)
    runs = []
    for k, row in enumerate(feasible_rows(MIXED, n, rng)[:n]):
        p = MIXED.scale(row)
        y, cost = Measured(p["T"] + 20.0 * p["m"]["Pt"]), Measured(p["T"] / 10.0 + p["eq"])
        responses = {"y": y} if k % 4 == 3 else {"y": y, "cost": cost}
        failed = k % 7 == 6
        runs.append(Observation(p, {} if failed else responses, "failed" if failed else "ok"))
    return runs


def test_the_best_is_the_most_probable_not_the_luckiest():
    history = [*curve(n=5), *curve(n=5), Observation({"x": 0.02}, {"y": Measured(1.02)})]
    history += [Observation({"x": x}, {"y": Measured(0.67)}) for x in (0.01, 0.03, 0.02)]
    told = summarise(LINE, history, [])
    (best,) = told["best"]
    assert best["point"]["x"] in (0.5, 0.75)
    assert best["expected"]["y"]["mean"] == pytest.approx(0.98, abs=0.03)
    assert best["run"] == history.index(next(r for r in history if r.point == best["point"])) + 1
    assert (
        f"most probable best: run {best['run']} (x {best['point']['x']}): y measured"
        in told["text"]
    )
    assert "run 11 read 1.02, but the other runs make that a lucky reading" in told["text"]


@pytest.mark.parametrize("kept", [0.8, 0.4])
def test_a_best_run_that_may_be_asked_for_no_more_is_called_so(kept):
    narrowed = Problem(LINE.factors, LINE.responses, (Constraint({"x": 1.0}, at_most=kept),))
    told = summarise(narrowed, curve(), [])
    (best,) = told["best"]
    assert best.get("outside", False) == (kept < 0.6)
    assert ("best, outside the problem as it is now: run 6" in told["text"]) == (kept < 0.6)


def test_a_reading_that_the_model_expects_is_not_called_lucky():
    spots = (0.51, 0.02, 0.16, 0.88, 0.79, 0.56, 0.22)
    history = [
        Observation({"x": x}, {"y": Measured(float(np.exp(-((x - 0.5346) ** 2) / 0.0234)))})
        for x in spots
    ]
    told = summarise(LINE, history, [])
    assert told["text"].startswith("most probable best: run 6")
    assert history[0].responses["y"].value > history[5].responses["y"].value
    assert "lucky" not in told["text"]


def test_replicates_are_one_best_and_none_of_them_is_lucky():
    names = Problem((Categorical("metal", ("Pd", "Ni", "Cu")),), (Response("y"),))
    readings = (("Pd", 0.1), ("Ni", 0.5), ("Cu", 0.3), ("Ni", 0.55))
    history = [Observation({"metal": metal}, {"y": Measured(y)}) for metal, y in readings]
    told = summarise(names, history, [])
    assert told["text"].startswith("most probable best: run 2 (metal Ni): y measured 0.5, 0.55,")
    assert told["text"].endswith("; repeated as run 4")
    assert "lucky" not in told["text"]
    (best,) = told["best"]
    assert best["run"] == 2
    assert best["runs"] == [2, 4]
    assert best["probability"] > 0.9


def test_large_numbers_are_told_without_exponents():
    history = [Observation({"x": x}, {"y": Measured(12345.6 * x)}) for x in (0.1, 0.5, 1.0)]
    told = summarise(LINE, history, [Suggestion({"x": 0.9}, {"y": Predicted(11111.1, 234.5)})])
    assert "y measured 12350, expected " in told["text"]
    assert "e+" not in told["text"]
    assert told["expected"] == ["expected of point 1: y 11110 +/- 230"]


def test_a_small_change_on_a_large_offset_can_be_read():
    history = [
        Observation({"x": x}, {"y": Measured(1e6 + 5.0 * (x - x * x))})
        for x in (0.0, 0.2, 0.4, 1.0)
    ]
    told = summarise(LINE, history, [Suggestion({"x": 0.5}, {"y": Predicted(1000001.25, 0.0213)})])
    assert "run 3 (x 0.4): y measured 1000001.2" in told["text"]
    assert "expected 1000001.198 +/- " in told["text"]
    assert told["expected"] == ["expected of point 1: y 1000001.25 +/- 0.021"]


def test_many_readings_at_one_place_are_told_as_a_range():
    history = [Observation({"x": 0.5}, {"y": Measured(float(y))}) for y in range(7)]
    told = summarise(LINE, history, [])
    assert "run 1 (x 0.5): y measured 0 to 6," in told["text"]
    alike = [Observation({"x": 0.5}, {"y": Measured(4.0)}) for _ in range(7)]
    assert "run 1 (x 0.5): y measured 4," in summarise(LINE, alike, [])["text"]
    assert told["text"].endswith("; repeated as runs 2, 3, 4, 5, 6 and 1 more")
    assert told["best"][0]["probability"] == 1.0


@pytest.mark.parametrize("goals", [(), (Response("y"),)])
def test_targets_that_no_run_meets_are_said(goals):
    problem = Problem(LINE.factors, (*goals, Response("ph", "target", 6.8, 7.2)))
    history = [
        Observation({"x": x}, {"y": Measured(x), "ph": Measured(5.0 + 4 * x)}) for x in (0.1, 0.9)
    ]
    assert summarise(problem, history, [])["text"].startswith(
        "no run meets the targets yet, nearest to them: run "
    )


def test_of_two_goals_the_front_is_told():
    told = summarise(MIXED, mixed(), [])
    assert len(told["best"]) > 1
    assert all(set(row["expected"]) == {"y", "cost"} for row in told["best"])
    assert told["text"].startswith("on the front most probably: run ")
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ([], "no best run yet: every response needs two good runs at least"),
        (curve()[:1], "no best run yet: every response needs two good runs at least"),
        ([Observation({"x": 0.1}, status="failed")] * 3, "no best run: every run has failed"),
    ],
)
def test_without_results_nothing_is_best(history, says):
    assert summarise(LINE, history, []) == {"text": says, "best": [], "expected": []}


def test_without_responses_nothing_is_best():
    told = summarise(Problem(LINE.factors), curve(), [])
    assert told["text"] == "no best run: the problem has no responses"


def test_left_out_runs_are_foretold_by_the_others():
    study = Study.of(LINE, curve(n=12))
    parity = study.parity(study.models[0])
    np.testing.assert_allclose(parity.measured, [r.responses["y"].value for r in curve(n=12)])
    np.testing.assert_allclose(parity.expected.means[1:-1], parity.measured[1:-1], atol=0.02)
    assert np.all(parity.expected.sds > 0)
    assert quality(parity).startswith("left out one by one: RMSE ")


def test_a_run_left_out_does_not_foretell_itself():
    history = [*curve(n=9), Observation({"x": 0.3}, {"y": Measured(3.0)})]
    study = Study.of(LINE, history)
    parity = study.parity(study.models[0])
    assert parity.measured[-1] == 3.0
    assert parity.expected.means[-1] < 1.5


def test_parity_of_many_runs_leaves_out_a_part_of_them():
    study = Study.of(LINE, curve(n=100))
    assert len(study.parity(study.models[0]).measured) == 80


def test_dependence_has_a_curve_for_every_quantity():
    study = Study.of(MIXED, mixed())
    found = {d.label: d for d in study.dependence(study.models[0])}
    assert list(found) == ["T / degC", "eq", "base", "m.Pt", "m.Mo", "m.Nb"]
    assert found["base"].values == ["DBU", "Et3N"]
    assert found["eq"].values == [1.0, 2.0, 3.0]
    temperature = found["T / degC"]
    assert (temperature.values[0], temperature.values[-1]) == pytest.approx((30.0, 120.0))
    assert temperature.believed.means[-1] - temperature.believed.means[0] > 40.0
    slope = found["m.Pt"].believed.means
    assert slope[-1] - slope[0] == pytest.approx(20.0, abs=12.0)


def test_too_few_runs_make_no_study():
    assert Study.of(LINE, curve()[:1]) is None
    assert Study.of(Problem(LINE.factors), curve()) is None


def test_pictures_are_files(tmp_path):
    paths = draw(MIXED, mixed(), tmp_path / "a" / "b")
    names = [path.rpartition("/")[2] for path in paths]
    assert names == ["partial-dependence.png", "parity.png", "convergence.png", "pareto.png"]
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123
            assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_there_is_a_picture_for_every_kind_of_goal(tmp_path):
    problem = Problem(LINE.factors, (Response("y", "target", 0.7, 0.9),))
    history = [*curve(), Observation({"x": 0.2}, {"y": Measured(0.5)}, "suspect")]
    names = [p.rpartition("/")[2] for p in draw(problem, history, tmp_path)]
    assert names == ["partial-dependence.png", "parity.png", "convergence.png"]


def test_nothing_measured_makes_no_picture(tmp_path):
    assert draw(LINE, [], tmp_path) == []


def test_pictures_that_cannot_be_drawn_are_named_with_the_reason():
    assert not_drawn(MIXED, []) == [
        "no partial-dependence.png: every response needs two good runs at least",
        "no parity.png: every response needs two good runs at least",
        "no convergence.png: nothing has been measured",
        "no pareto.png: no good run has readings of all responses",
    ]
    assert not_drawn(LINE, [f"a/{n}.png" for n in ("partial-dependence", "parity")]) == [
        "no convergence.png: nothing has been measured"
    ]
    assert not_drawn(Problem(LINE.factors), []) == ["no pictures: the problem has no responses"]


@pytest.fixture
def figures(monkeypatch):
    """Return the figures that are drawn, by the order of their files."""
    drawn = []

    class Kept(figure_class()):
        def __init__(self, **options):
            super().__init__(**options)
            drawn.append(self)

    monkeypatch.setattr(plots, "figure_class", lambda: Kept)
    return drawn


def test_axes_are_logarithmic_listed_or_plain_as_their_factors_are(figures, tmp_path):
    levels = ("palladium acetate", "nickel chloride")
    factors = (
        Continuous("c", 1e-5, 1.0, "mol/L", "log"),
        Discrete("eq", (1, 1.5, 3)),
        Categorical("metal", levels),
        *(Continuous(f"x{k}", 0.0, 1.0) for k in range(3)),
    )
    problem = Problem(factors, (Response("y"),))
    rows = np.random.default_rng(1).random((6, problem.dimension))
    history = [Observation(problem.scale(r), {"y": Measured(float(r.sum()))}) for r in rows]
    draw(problem, history, tmp_path)
    log, listed, named, *plain = figures[0].axes
    assert [panel.get_xscale() for panel in (log, listed, plain[0])] == ["log", "linear", "linear"]
    assert [label.get_text() for label in listed.get_xticklabels()] == ["1", "1.5", "3"]
    assert [label.get_text() for label in named.get_xticklabels()] == list(levels)
    assert all(label.get_rotation() > 0 for label in named.get_xticklabels())
    assert len(figures[0].axes) == 6
    assert figures[0].axes[5].get_ylabel() == "y, expected"  # begins the second line


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.5, 10.0, [0.5, 1.0, 2.0, 5.0, 10.0]),
        (1e-5, 1.0, [1e-5, 1e-3, 0.1]),
        (1e-9, 1.0, [1e-9, 1e-7, 1e-5, 1e-3, 0.1]),
        (1e-3, 10.0, [1e-3, 1e-2, 0.1, 1.0, 10.0]),
        (3.0, 4.0, [3.0, 4.0]),
    ],
)
def test_a_logarithmic_axis_names_round_numbers(low, high, ticks):
    assert log_ticks(low, high) == ticks


def test_runs_are_counted_in_whole_numbers_and_failed_ones_explained(figures, tmp_path):
    history = [*curve(n=2), Observation({"x": 0.3}, status="failed")]
    draw(LINE, history, tmp_path)
    (panel,) = figures[-1].axes
    assert all(float(tick).is_integer() for tick in panel.get_xticks())
    assert "failed" in [text.get_text() for text in panel.get_legend().get_texts()]


def test_the_best_so_far_is_of_runs_that_miss_no_target(figures, tmp_path):
    problem = Problem(LINE.factors, (Response("y"), Response("bar", "target", 0.0, 10.0)))
    history = [
        Observation({"x": x}, {"y": Measured(y), "bar": Measured(bar)})
        for x, y, bar in ((0.1, 0.3, 5.0), (0.5, 0.6, 12.0), (0.9, 0.4, 8.0))
    ]
    draw(problem, history, tmp_path)
    shown = {line.get_label(): line.get_ydata().tolist() for line in figures[-1].axes[0].lines}
    assert shown["best reading so far"] == [0.3, 0.4]
    assert shown["misses a target"] == [0.6]


def test_the_best_so_far_goes_on_to_the_last_run(figures, tmp_path):
    draw(LINE, [*curve(n=1), *(Observation({"x": 0.3}, status="failed") for _ in "ab")], tmp_path)
    shown = {line.get_label(): line for line in figures[-1].axes[0].lines}["best reading so far"]
    assert shown.get_xdata().tolist() == [1.0, 3.0]  # one run alone would be no line
    assert len(set(shown.get_ydata())) == 1


@pytest.mark.parametrize("count", [12, 24, 48])
def test_many_names_stand_upright_and_never_upon_each_other(figures, tmp_path, count):
    names = tuple(f"ligand-number-{i}" for i in range(count))
    problem = Problem((Categorical("ligand", names), Continuous("x", 0.0, 1.0)), (Response("y"),))
    history = [
        Observation({"ligand": name, "x": 0.5}, {"y": Measured(float(i))})
        for i, name in enumerate(names[:9])
    ]
    draw(problem, history, tmp_path)
    named = figures[0].axes[0]
    figures[0].canvas.draw()
    labels = named.get_xticklabels()
    places = [label.get_window_extent().x0 for label in labels]
    apart = min(b - a for a, b in pairwise(places)) * 72.0 / figures[0].dpi  # points, as letters
    assert len(labels) == count
    assert all(label.get_rotation() == 90 for label in labels)
    assert all(label.get_fontsize() <= apart for label in labels)


def test_three_goals_have_a_front_in_every_pair_without_those_that_miss_a_target(figures, tmp_path):
    goals = (Response("a"), Response("b", "minimise"), Response("c"))
    problem = Problem(LINE.factors, (*goals, Response("ph", "target", 6.0, 8.0)))
    readings = ((0.1, 1, 1, 1, 7), (0.5, 2, 2, 2, 7), (0.6, 0, 3, 0, 7), (0.9, 9, 0, 9, 5))
    history = [
        Observation(
            {"x": x}, dict(zip("abc", map(Measured, own), strict=True)) | {"ph": Measured(ph)}
        )
        for x, *own, ph in readings
    ]
    draw(problem, history, tmp_path)
    first, second, third = figures[-1].axes
    assert first.get_ylabel() == "b (minimise)"
    assert (second.get_xlabel(), second.get_ylabel()) == ("a (maximise)", "c (maximise)")
    shown = {line.get_label(): line.get_xydata().tolist() for line in third.lines}
    assert sorted(shown["front"]) == [[1.0, 1.0], [2.0, 2.0]]
    assert shown["misses a target"] == [[0.0, 9.0]]


def test_constant_readings_make_pictures_too(tmp_path):
    history = [Observation({"x": x}, {"y": Measured(1.0)}) for x in (0.1, 0.5, 0.9)]
    assert len(draw(LINE, history, tmp_path)) == 3


def test_a_front_is_what_nothing_beats():
    values = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 0.0], [1.0, 1.0], [2.0, -1.0]])
    assert front_rows(values).tolist() == [True, True, False, True, False]


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadOption, match=r"--plots: .*file.*: cannot be written"):
        draw(LINE, curve(), tmp_path / "file")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(plots, "import_module", absent)
    with pytest.raises(BadOption, match=r"pip install 'taylord\[plots\]'"):
        figure_class()


@pytest.fixture
def files(tmp_path):
    problem, history = tmp_path / "p.json", tmp_path / "h.csv"
    problem.write_text(json.dumps(MIXED.to_json()))
    with history.open("w") as file:
        write_history(file, MIXED, mixed())
    return str(problem), "--history", str(history)


def test_the_command_prints_the_summary_and_names_the_pictures(files, tmp_path, capsys):
    folder = tmp_path / "pictures"
    assert main(["suggest", *files, "--fix", "base=DBU", "--plots", str(folder)]) == 0
    said = capsys.readouterr()
    assert "base DBU" in said.out.splitlines()[0]
    assert "on the front most probably: run " in said.out
    assert f"wrote {folder}/parity.png" in said.err
    assert "no pareto.png" not in said.err


def test_the_commands_json_has_the_summary_and_the_pictures(files, tmp_path, capsys):
    command = [
        "suggest",
        *files,
        "--shared",
        "T",
        "-n",
        "2",
        "--plots",
        str(tmp_path / "x"),
        "--json",
    ]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["summary"]["best"]
    assert len(document["summary"]["expected"]) == 2
    assert len(document["plots"]) == 4
    assert len({p["T"] for p in document["points"]}) == 1


def test_the_command_refuses_pictures_without_matplotlib(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    assert main(["suggest", *files, "--plots", str(tmp_path / "x")]) == 2
    assert "--plots: needs matplotlib" in capsys.readouterr().err
