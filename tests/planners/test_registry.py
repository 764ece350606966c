"""Planners by name, and their options."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

from daemon.cli import main
from planners import registry
from planners.bayes import Bayes
from planners.design import LatinHypercube
from planners.errors import BadOption


@dataclass(frozen=True)
class Plugin:
    """A planner of somebody else's."""

    power: float
    label: str = "x"
    deep: bool = False
    anything: object = None

    def suggest(self, problem, history, n, rng):
        return []


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """The planners of this package, one plug-in, and a broken one."""
    names = {
        "bayes": "planners.bayes:Bayes",
        "lhs": "planners.design:LatinHypercube",
        "plugin": f"{__name__}:Plugin",
        "broken": "nowhere.at.all:Planner",
    }
    points = {n: EntryPoint(n, v, registry.GROUP) for n, v in names.items()}
    monkeypatch.setattr(registry, "_points", lambda: points)


def faults(name, options):
    with pytest.raises(BadOption) as caught:
        registry.make_planner(name, options)
    return list(caught.value.faults)


def test_a_planner_is_made_with_its_options_from_text_or_values():
    assert registry.make_planner("lhs", {"n_runs": "20"}) == LatinHypercube(n_runs=20)
    options = {"n_initial": "none", "use_suspect": "yes", "seed": 3}
    assert registry.make_planner("bayes", options) == Bayes(None, True, 3)
    assert registry.make_planner("plugin", {"power": "2", "anything": [1]}).power == 2.0


def test_an_unknown_planner_is_named_with_its_nearest():
    assert faults("bayess", {}) == [
        "planner: no planner named 'bayess' (did you mean 'bayes'?);"
        " installed are bayes, broken, lhs, plugin"
    ]


def test_a_planner_that_cannot_be_loaded_says_why():
    assert "'broken' cannot be loaded: No module named 'nowhere'" in faults("broken", {})[0]


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("nowhere.at.all:Planner", "cannot be loaded: No module named 'nowhere'"),
        (f"{__name__}:Nothing", "cannot be loaded: AttributeError: "),
        ("rude_plugin:Planner", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("torn_plugin:Planner", "cannot be loaded: SyntaxError: "),
        (f"{__name__}:WRONG", "is no class with suggest or propose, got 3"),
    ],
)
def test_one_broken_planner_does_not_hide_the_others(tmp_path, monkeypatch, where, why):
    (tmp_path / "rude_plugin.py").write_text("1 / 0")
    (tmp_path / "torn_plugin.py").write_text("class")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._points()["broken"] = EntryPoint("broken", where, registry.GROUP)
    good, broken = registry.describe_all()
    assert [description.name for description in good] == ["bayes", "lhs", "plugin"]
    assert list(broken) == ["broken"]
    assert broken["broken"].startswith(f"'broken' {why}")
    assert faults("broken", {}) == [f"planner: {broken['broken']}"]


WRONG = 3


class Typed:
    """One whose annotations are for type checkers alone."""

    def __init__(self, power: "NotImported" = 2):  # noqa: F821
        self.power = power

    def suggest(self, problem, history, n, rng):
        return []


def test_annotations_that_cannot_be_found_out_let_every_value_pass():
    registry._points()["broken"] = EntryPoint("broken", f"{__name__}:Typed", registry.GROUP)
    assert registry.describe("broken").to_json()["options"]["power"]["type"] == "any"
    assert registry.make_planner("broken", {"power": "x"}).power == "x"


def test_every_wrong_option_is_named():
    given = {"n_inital": 3, "use_suspect": 3, "seed": 1.5, "n_initial": "many"}
    assert faults("bayes", given) == [
        "options.n_inital: no option of 'bayes' (did you mean 'n_initial'?);"
        " allowed are n_initial, use_suspect, seed, move_cost, run_cost, shared, earlier",
        "options.use_suspect: must be true or false, got 3",
        "options.seed: must be a whole number, got 1.5",
        "options.n_initial: must be a whole number or none, got 'many'",
    ]
    assert faults("lhs", {"n_runs": 0}) == ["options.n_runs: must be at least 1, got 0"]


def test_options_of_a_plugin_are_checked_too():
    assert faults("plugin", {"power": True, "label": 3}) == [
        "options.power: must be a number, got True",
        "options.label: must be a text, got 3",
    ]
    assert faults("plugin", {}) == ["options.power: is needed by 'plugin'"]


def test_a_description_lists_options_with_types_and_defaults():
    told = registry.describe("bayes").to_json()
    assert told["summary"].startswith("Gaussian-process Bayesian optimisation")
    assert told["options"]["n_initial"] == {"type": "a whole number or none", "default": None}
    assert told["options"]["seed"] == {"type": "a whole number", "default": 0}
    assert told["options"]["use_suspect"]["type"] == "true or false"
    assert told["options"]["move_cost"]["type"] == "a table (NAME=VALUE or JSON) or none"
    assert told["options"]["shared"]["type"] == "a list (A,B or JSON) or none"
    assert told["options"]["earlier"]["type"] == "a list (JSON) or none"
    assert registry.describe("plugin").options[0].default is None


def test_an_option_that_a_planner_cannot_do_without_is_listed_as_required(capsys):
    main(["planners"])
    told = capsys.readouterr().out
    assert "    power (a number, required)" in told
    assert "    n_initial (a whole number or none, default none)" in told
    assert "    use_suspect (true or false, default false)" in told


def test_the_planners_of_this_package_are_installed(monkeypatch):
    monkeypatch.undo()
    registry._points.cache_clear()
    names = registry.planner_names()
    if not names:
        pytest.skip("the package is not installed, so it has no entry points")
    assert {"bayes", "lhs"} <= set(names)
