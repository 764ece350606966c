"""What is made safe when the file was edited under the hands of a daemon that died."""

import asyncio
import sqlite3

import pytest

from daemon.app.assembly import LEFT
from daemon.app.last_known import ALSO, INSTEAD, left_elsewhere, to_make_safe
from daemon.errors import ConfigError
from daemon.store.writer import Store
from daemon.timebase import Timebase
from tests.campaigns.days import begin, events, settings_of

BATH = '[instruments.bath]\ndriver = "huber-pilot-one"\nport = "{}"\n'
PUMP = '[instruments.pump]\ndriver = "knauer-azura-pump"\nport = "socket://10.0.0.3:10001"\n'
HEAD = 'name = "rig-1"\n'
OLD, NEW = "socket://10.0.0.2:8101", "socket://10.0.0.9:8101"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text(HEAD + BATH.format(OLD) + PUMP)
    return path


def started(config, data, *, died=True):
    """Leave the record of a start with the file as it is."""

    async def main():
        how = {"timebase": Timebase.real(), "boot": "b-1", "config_text": config.read_text()}
        store = Store.open(data, **how, rig="rig-1")
        if not died:
            await store.close()
            return
        store._closed = True  # killed: it writes no last word
        store._timer.cancel()
        store._worker.close()

    asyncio.run(main())


def ports(found):
    return {name: own.port for name, own in found.settings.instruments.items()}


def test_a_file_broken_meanwhile_leaves_no_instrument_of_the_dead_daemon_acting(config, tmp_path):
    started(config, tmp_path / "data")
    config.write_text("x = [\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        to_make_safe(config, None)
    found = to_make_safe(config, tmp_path / "data")
    assert ports(found) == {"bath": OLD, "pump": "socket://10.0.0.3:10001"}
    assert "not valid TOML" in found.faults[0]
    assert found.notes == [INSTEAD.format(config)]


def test_what_the_dead_daemon_had_elsewhere_or_under_another_name_is_made_safe_too(
    config, tmp_path
):
    started(config, tmp_path / "data")
    config.write_text(HEAD + BATH.format(NEW))
    found = to_make_safe(config, tmp_path / "data")
    assert ports(found) == {
        "bath": NEW, "bath-before": OLD, "pump": "socket://10.0.0.3:10001",
    }  # fmt: skip
    assert found.faults == []
    assert found.notes == [ALSO.format(config, n) for n in ("bath-before", "pump")]


def test_a_daemon_that_ended_in_good_order_has_left_nothing_to_look_after(config, tmp_path):
    started(config, tmp_path / "data", died=False)
    config.write_text(HEAD + BATH.format(NEW))
    assert ports(to_make_safe(config, tmp_path / "data")) == {"bath": NEW}


def test_the_record_is_looked_for_where_run_puts_it(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    started(config, tmp_path / "taylord-data" / "rig-1")
    config.write_text(HEAD + BATH.format(OLD))
    assert list(ports(to_make_safe(config, None))) == ["bath", "pump"]


@pytest.mark.parametrize(
    ("head", "name"), [(HEAD, "rig-1"), ("name = 3\n", "salvaged"), ("", "salvaged")]
)
def test_a_file_with_faults_keeps_the_name_of_its_rig(head, name, config, tmp_path):
    config.write_text(head + "rubbish = 1\n" + BATH.format(OLD))
    found = to_make_safe(config, tmp_path / "nowhere")
    assert (found.settings.name, list(ports(found))) == (name, ["bath"])


def test_a_record_that_cannot_be_read_keeps_nobody_from_safety(config, tmp_path):
    (tmp_path / "taylord.sqlite").write_bytes(b"garbage" * 1000)
    assert list(ports(to_make_safe(config, tmp_path))) == ["bath", "pump"]
    assert list(ports(to_make_safe(config, tmp_path / "nowhere"))) == ["bath", "pump"]


def test_a_start_is_told_what_the_dead_daemon_had_that_the_file_has_no_more(config, tmp_path):
    data, now = tmp_path / "data", HEAD + BATH.format(OLD).replace("bath", "oven")
    assert left_elsewhere(data, now) == []
    started(config, data)
    assert left_elsewhere(data, now) == ["pump (socket://10.0.0.3:10001)"]
    assert left_elsewhere(data, config.read_text()) == []


@pytest.mark.parametrize("text", ["x = [", "instruments = 3", "[instruments]\nbath = 3"])
def test_a_file_without_instruments_has_none_of_them(text, config, tmp_path):
    started(config, tmp_path)
    assert len(left_elsewhere(tmp_path, text)) == (0 if text == "x = [" else 2)


def test_the_alarm_of_what_was_left_behind_waits_for_a_person(tmp_path):
    begin(tmp_path, settings_of(1))
    with sqlite3.connect(tmp_path / "taylord.sqlite") as record:
        record.execute("UPDATE boots SET ended = NULL")
        record.execute(
            "UPDATE meta SET value = replace(value, '192.168.10.21', '10.9.9.9')"
            " WHERE key = 'config'"
        )
    record.close()
    begin(tmp_path, settings_of(1))
    (told,) = events(tmp_path, "alarm")
    assert told["id"] == LEFT
    assert "pump-a (socket://10.9.9.9:10001)" in told["message"]
