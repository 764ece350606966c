"""A rig that makes something else than it is asked for, as its campaign tells it."""

from daemon.app.state import state_document
from daemon.cli.progress import summary
from daemon.store.status import status, status_text
from simulators.thermal import Zone
from tests.campaigns.days import events, scenario
from tests.campaigns.test_planned import planned_by

LOW_K = 3.0


def cold_bath(monkeypatch):
    """Let the bath settle below whatever is asked of it."""
    wall = Zone.wall
    monkeypatch.setattr(Zone, "wall", lambda zone, t: wall(zone, t) - LOW_K)


def test_a_bath_that_settles_low_is_told_wherever_the_campaign_is(tmp_path, monkeypatch, caplog):
    cold_bath(monkeypatch)
    seen = []

    async def watch(stage):
        while not stage.told("campaign", state="complete"):
            await stage.until("standing")
            seen.append(state_document(stage.parts)["campaign"]["standing"]["remarks"])

    settings = planned_by("lhs", 6, temperature_tolerance=5.0)
    outcome = scenario(tmp_path, settings, watch)
    assert outcome.exit_code == 0
    (said,) = seen[-1]
    assert said.startswith("temperature: comes out 3")
    assert "degC below what was asked for (median of 6 runs)" in said
    assert seen[0] == []  # one run says nothing
    assert outcome.document["standing"]["remarks"] == seen[-1]
    assert f"remark   {said}" in summary(outcome.document)
    assert f"{'remark':<14}{said}" in status_text(status(tmp_path))
    assert events(tmp_path, "standing")[-1]["remarks"] == seen[-1]
    logged = [r.msg for r in caplog.records if isinstance(r.msg, dict)]
    told = [line for line in logged if line["event"] == "factor.otherwise"]
    assert [line["factor"] for line in told] == ["temperature"]  # once
