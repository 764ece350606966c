"""What a person is told of a rig that waits, hot and under solvent."""

import asyncio

from daemon.app.state import state_document
from daemon.store.status import status, status_text
from tests.campaigns.days import scenario
from tests.campaigns.test_planned import planned_by


def test_while_a_point_waits_for_a_word_the_status_says_what_is_on_and_for_how_long(tmp_path):
    told, states = {}, {}

    def look(stage, when):
        told[when] = status_text(status(tmp_path))
        states[when] = state_document(stage.parts)

    async def chemist(stage):
        first = await stage.until("suggestion", state="proposed")
        await stage.campaign.steering.decide(first["id"], approved=True)
        await stage.until("experiment", status="ok")
        await asyncio.sleep(120)
        look(stage, "soon")
        await asyncio.sleep(8 * 3600)
        look(stage, "in the morning")

    scenario(tmp_path, planned_by("lhs", 3, approve=True), chemist, once=False)
    soon = told["soon"].splitlines()
    assert (
        "waits         s-0002 waits for a word (suggestion.approve); after 30 min with nothing to"
        " run, heat and pumps go off by themselves"
    ) in soon
    assert any(line.startswith("on            bath 79.") for line in soon)
    assert f"{'':<14}pump-c 0.05 mL/min" in soon
    assert [row["instrument"] for row in states["soon"]["on"]] == ["bath", "pump-c"]
    assert states["in the morning"]["on"] == []
    assert states["in the morning"]["campaign"]["waits"].endswith("(suggestion.approve)")
    assert "\non  " not in told["in the morning"]
    assert "campaign waits (active): s-0002 waits for a word" in told["in the morning"]
