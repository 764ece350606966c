"""Faults of choices and of shared pumps in a file, and edits of a choice's levels."""

import pytest

from daemon.campaign.space import Edit, differences, edited
from daemon.errors import Refused
from daemon.settings.check_space import space_faults
from daemon.settings.load import parse
from tests.daemon.experiment.choosing import sections


def changed(where, **keys):
    """Return the file with keys of one factor (a number) or feed (a name) changed or dropped."""
    raw = sections()
    rows = raw["campaign"]["factors"] if isinstance(where, int) else raw["feeds"]
    row = rows[where] if isinstance(where, int) else next(f for f in rows if f["name"] == where)
    for key, value in keys.items():
        row.pop(key, None)
        if value is not None:
            row[key] = value
    return raw


def fixing(**more):
    raw = sections()
    raw["campaign"]["fixed"] |= more
    return raw


def syringe():
    raw = sections()
    pump = {"driver": "new-era-ne1000", "port": "/dev/ttyUSB7"}
    raw["instruments"]["pump-d"] = pump | {"syringe": {"diameter_mm": 20.0, "volume_ml": 50.0}}
    return raw


def blended():
    raw = sections()
    blend = {"name": "blend", "kind": "composition", "components": ["solvent", "carbene"]}
    raw["campaign"]["factors"].append(blend)
    return raw


FAULTS = {
    "campaign.factors.0.levels: no feed is called 'carben'; did you mean 'carbene'": changed(
        0, levels=["phosphine", "carben"]
    ),
    "campaign.factors.0.levels: must name at least 2 feeds, got 1; to hold it at one, fix it there": (
        changed(0, levels=["carbene"])
    ),
    "campaign.factors: with catalyst phosphine: equivalents.cat_c: is missing (or give"
    " flow.ligand-free): nothing says how much of feed ligand-free to use; what catalyst may choose"
    " no more goes to its dropped": changed(0, levels=["phosphine", "carbene"]),
    "campaign.factors.0.levels: must name at least 2 feeds, got 0": changed(0, levels=None),
    "campaign.factors.0.levels: names feed 'carbene' more than once": changed(
        0, levels=["carbene", "carbene"]
    ),
    "campaign.factors.0.name: 'temperature' is a number; give a choice a name": changed(
        0, name="temperature"
    ),
    "campaign.factors.0.name: 'halide' is a feed or a solute": changed(0, name="halide"),
    "campaign.factors.0.name: a choice's name has letters, digits": changed(0, name="which one"),
    "campaign.factors.0.low: belongs to kind 'continuous', got kind 'categorical'": changed(
        0, low=1.0
    ),
    "campaign.factors.2.levels: belong to kind 'categorical', got kind": changed(
        2, levels=["carbene", "phosphine"]
    ),
    "campaign.factors.0.fixed: must be the name of a feed, got 3.0": changed(0, fixed=3.0),
    "campaign.factors.0.fixed: must be one of phosphine": changed(0, fixed="nickel"),
    "campaign.factors.0.descriptors.carbene: must have size, got none": changed(
        0, descriptors={"phosphine": {"size": 1.0}, "ligand-free": {"size": 0.0}}
    ),
    "campaign.factors.0.dropped: no feed is called 'nickel'": changed(0, dropped=["nickel"]),
    "campaign.factors.0.dropped: 'carbene' is among the levels, too": changed(
        0, dropped=["carbene"]
    ),
    "campaign.factors: with catalyst phosphine: equivalents.cat_c: is missing": changed(
        0, levels=["phosphine", "carbene"]
    ),
    "campaign.fixed.catalyst: 'catalyst' is a factor; hold it in its own": fixing(
        catalyst="carbene"
    ),
    "campaign.factors.1.name: each feed of catalyst must bring one solute to count; phosphine has"
    " none": changed("phosphine", solutes={}),
    "campaign.factors: with catalyst phosphine: equivalents.cat_b: belongs to no feed": changed(
        1, name="equivalents.cat_b"
    ),
    "campaign.factors: with catalyst phosphine: residence_time: is missing": changed(
        2, name="equivalents.catalyst"
    ),
    "campaign.factors: feed 'carbene' belongs to both 'blend' and 'catalyst'": blended(),
    "feeds.4.pump: 'pump-d' already delivers feed 'phosphine'; one pump, one feed, or a": changed(
        "carbene", valve=None, position=None
    ),
    "feeds.4.pump: 'pump-d' has a syringe, which cannot be rinsed": syringe(),
    "feeds.4.position: selector has feed 'phosphine' at 1 for pump-d already": changed(
        "carbene", position=1
    ),
    "feeds.4.dead_volume_ml: is missing, from selector to the mixer: pump-d serves": changed(
        "carbene", dead_volume_ml=None
    ),
}


@pytest.mark.parametrize("said", FAULTS)
def test_a_fault_is_told_where_it_stands(said):
    _, faults = parse(FAULTS[said])
    assert any(fault.startswith(said) for fault in faults), faults


def test_a_file_that_chooses_has_no_fault_and_a_level_may_be_held():
    assert parse(sections())[1] == []
    assert parse(changed(0, fixed="carbene"))[1] == []
    assert parse(changed(1, name="flow.catalyst", low=0.02, high=0.1))[1] == []


def test_one_feed_twice_is_told_once():
    assert len(parse(syringe())[1]) == 2  # each feed after the first


def campaign():
    settings, faults = parse(sections())
    assert faults == []
    return settings


def test_levels_are_edited_as_values_are():
    rig = campaign()
    section = edited(rig.campaign, Edit(values={"catalyst": ["carbene", "phosphine"]}))
    assert section.factors[0].levels == ["carbene", "phosphine"]
    (said,) = differences(rig.campaign, section)
    one_of = "one of phosphine, carbene, ligand-free -> one of carbene, phosphine"
    assert said == f"catalyst: {one_of}"
    assert section.factors[0].dropped == ["ligand-free"]
    assert space_faults(rig.model_copy(update={"campaign": section})) == []
    back = edited(section, Edit(values={"catalyst": ["ligand-free", "phosphine", "carbene"]}))
    assert back.factors[0].dropped == []
    held = edited(rig.campaign, Edit(fix={"catalyst": "carbene"}))
    assert differences(rig.campaign, held) == ["catalyst: fixed at carbene"]
    assert space_faults(rig.model_copy(update={"campaign": held})) == []


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"catalyst": ["carbene", "nickel"]}, "no feed is called 'nickel'"),
        ({"catalyst": ["carbene"]}, "must name at least 2 feeds"),
    ],
)
def test_levels_that_are_no_feeds_are_refused(values, says):
    rig = campaign()
    section = edited(rig.campaign, Edit(values=values))
    faults = space_faults(rig.model_copy(update={"campaign": section}))
    assert any(says in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"catalyst": [1.0, 2.0]}, "levels.0"),
        ({"temperature": ["carbene", "phosphine"]}, "belongs to a discrete or categorical factor"),
        ({"base": ["carbene", "phosphine"]}, "base: is no factor of this campaign"),
    ],
)
def test_a_list_of_another_kind_is_refused(values, says):
    with pytest.raises(Refused, match=says):
        edited(campaign().campaign, Edit(values=values))
