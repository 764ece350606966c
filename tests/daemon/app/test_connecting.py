"""What is said of the instruments that were asked who they are."""

import pytest

from daemon.app.connecting import alike
from daemon.settings.models import Settings


def settings(**addresses):
    rows = {
        name: {"driver": "d", "port": f"/dev/{name}"} | ({} if at is None else {"address": at})
        for name, at in addresses.items()
    }
    return Settings.model_validate({"name": "rig", "instruments": rows})


@pytest.mark.parametrize(
    ("addresses", "identities", "told"),
    [
        ({"a": None, "b": None}, {"a": "AZURA", "b": "AZURA"}, ["a, b"]),
        ({"a": None, "b": None}, {"a": "Huber, 1", "b": "Huber, 2"}, []),
        ({"a": 1, "b": 2}, {"a": "NE-1000", "b": "NE-1000"}, []),
        ({"a": 1, "b": 1, "c": 2}, {"a": "NE-1000", "b": "NE-1000", "c": "NE-1000"}, ["a, b"]),
        ({"a": None, "b": None}, {"a": None, "b": None}, []),  # none has answered
    ],
)
def test_instruments_that_nobody_could_tell_apart_are_named(addresses, identities, told):
    answers = {name: {"identity": who} for name, who in identities.items()}
    remarks = alike(settings(**addresses), answers)
    assert [remark.partition(" answer alike")[0] for remark in remarks] == told
