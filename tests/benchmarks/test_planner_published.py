"""Published screens of names are looked up as they were measured."""

import json
import sys

import pytest

from benchmarks.planners import published as runner

HALIDES, BASES = ("Cl", "Br", "I"), ("DBU", "BTMG", "MTBD", "TMG")


def yields(halide, base):
    return 10.0 * HALIDES.index(halide) + 3.0 * BASES.index(base)


def dataset(folder, name, parameters, goal, lines):
    (folder / f"dataset_{name}").mkdir()
    config = {
        "parameters": parameters,
        "measurements": [{"name": "yield", "type": "continuous"}],
        "default_goal": goal,
    }
    (folder / f"dataset_{name}" / "config.json").write_text(json.dumps(config))
    (folder / f"dataset_{name}" / "data.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path):
    names = [
        {"name": "halide", "type": "categorical", "options": HALIDES},
        {"name": "base", "type": "categorical", "options": BASES},
    ]
    lines = [f"{h},{b},{yields(h, b)}" for h in HALIDES for b in BASES if (h, b) != ("Cl", "TMG")]
    dataset(tmp_path, "screen", names, "maximize", [*lines, "I,TMG,31.0"])
    dataset(tmp_path, "waste", names, ["minimize"], lines)
    number = [{"name": "temperature", "type": "continuous"}]
    dataset(tmp_path, "numbers", number, "maximize", ["20.0,5.0"])
    return tmp_path


def test_only_screens_of_names_are_found(folder):
    assert list(runner.of_names(folder)) == ["screen", "waste"]


def test_a_combination_is_what_was_measured_and_fails_where_nothing_was(folder):
    case = runner.looked_up(folder, "screen", runner.of_names(folder)["screen"])
    assert case.truth({"halide": "Br", "base": "MTBD"}) == {"yield": 16.0}
    assert case.truth({"halide": "I", "base": "TMG"}) == {"yield": 30.0}  # the mean of two
    assert case.truth({"halide": "Cl", "base": "TMG"}) is None
    assert case.worth([{"halide": "I", "base": "TMG"}]) == 1.0
    assert case.worth([{"halide": "Cl", "base": "DBU"}]) == 0.0


def test_what_is_to_be_small_counts_from_the_largest(folder):
    case = runner.looked_up(folder, "waste", runner.of_names(folder)["waste"])
    assert case.worth([{"halide": "I", "base": "TMG"}]) == 0.0
    assert case.worth([{"halide": "Cl", "base": "DBU"}]) == 1.0


def told(monkeypatch, capsys, folder, *arguments):
    monkeypatch.setattr(sys, "argv", ["published", "--data", str(folder), *arguments])
    runner.main()
    return json.loads(capsys.readouterr().out)


def test_planners_are_compared_on_the_same_screens(monkeypatch, capsys, folder, tmp_path):
    out = tmp_path / "out.json"
    found = told(monkeypatch, capsys, folder, "--seeds", "2", "--out", str(out))
    assert found == json.loads(out.read_text())
    assert list(found["screens"]) == ["screen", "waste"]
    for planners in found["screens"].values():
        assert all(1 <= n <= 12 for n in planners["bayes"]["experiments"])
        assert planners["lhs"]["bayes_to_it"]["ratio"] > 0.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--names", "screen,nonsense"), "no screen of names: nonsense; there: screen, waste"),
        (("--planners", "bayes,optuna"), "optuna: needs --peers"),
    ],
)
def test_what_is_not_there_is_an_error(monkeypatch, capsys, folder, arguments, said):
    monkeypatch.delenv("TAYLORD_PEERS", raising=False)
    with pytest.raises(SystemExit):
        told(monkeypatch, capsys, folder, *arguments)
    assert said in capsys.readouterr().err


def test_a_folder_without_screens_is_an_error(monkeypatch, capsys, tmp_path):
    with pytest.raises(SystemExit):
        told(monkeypatch, capsys, tmp_path)
    assert "none found; there: nothing" in capsys.readouterr().err
