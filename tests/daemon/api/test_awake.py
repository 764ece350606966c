"""What is read after a standstill may be as old as that; the safer-making verbs do not mind."""

import json

import pytest

from daemon.api.awake import READ_S, Awake
from daemon.api.parse import OLD_S, Command, Fault, Incoming, parse


def test_a_daemon_that_beats_hears_everything_at_once():
    awake = Awake(10.0)
    for t in (11.0, 12.3, 13.2):
        awake.beat(t)
        assert awake.unheard_s(t + 0.9) == 0.0


def test_what_is_read_first_and_what_is_read_soon_after_a_standstill_may_be_old():
    awake = Awake(10.0)
    assert awake.unheard_s(3610.0) == 3599.0
    awake.beat(3610.0)
    assert awake.unheard_s(3610.0 + READ_S / 2) == 3599.0
    awake.beat(3611.0)
    assert awake.unheard_s(3610.0 + READ_S) == 0.0


@pytest.mark.parametrize(
    ("verb", "taken"),
    [("campaign.start", False), ("trip", True), ("campaign.hold", True), ("ping", True)],
)
def test_a_command_that_may_be_old_is_done_only_if_it_makes_the_rig_safer(verb, taken):
    payload = json.dumps({"id": "a"}).encode()
    assert isinstance(parse(Incoming(verb, payload, unheard_s=OLD_S)), Command)
    old = parse(Incoming(verb, payload, unheard_s=OLD_S + 1.0))
    assert isinstance(old, Command) is taken
    if isinstance(old, Fault):
        assert (old.id, old.code) == ("a", "refused")
        assert "send it again under another id" in old.message
