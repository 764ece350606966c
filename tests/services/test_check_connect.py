"""``taylord check --connect`` as a process, on real terminals and sockets."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.services.hosting import Hosted
from tests.services.test_wire import NO_MQTT

TAYLORD = [sys.executable, "-m", "daemon"]


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """A rig on terminals and sockets, with a bath that is silent and a pump that is not there."""
    folder = tmp_path_factory.mktemp("rig")
    hosted = Hosted(folder, NO_MQTT)
    ours, silent = os.openpty()
    path = folder / "rig.toml"
    path.write_text(hosted.rewired(bath=os.ttyname(silent), syringe="/dev/ttyNONE"))
    yield path
    hosted.end()
    os.close(ours)
    os.close(silent)


def check(config, *arguments):
    command = [*TAYLORD, "check", str(config), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_each_instrument_says_who_it_is_where_and_how_fast_or_what_to_look_at(rig, tmp_path):
    trace = tmp_path / "t.jsonl"
    done = check(rig, "--connect", "--json", "--trace", str(trace))
    assert done.returncode == 3
    answers = json.loads(done.stdout)["instruments"]
    pump, bath, syringe = (answers[name] for name in ("pump", "bath", "syringe"))
    assert pump["ok"]
    assert pump["identity"] == pump["message"] == "Knauer AZURA pump, 10 mL head"
    assert 0 < pump["seconds"] < bath["seconds"] < 10
    assert not bath["ok"]
    assert bath["message"].startswith(r"no reply to b'{M1B****\r\n'")
    assert f"`taylord scan --port {bath['port']}` tries the usual rates" in bath["advice"]
    assert "no such port" in syringe["message"]
    assert "`taylord scan --list`" in syringe["advice"]
    replay = [*TAYLORD, "replay", str(trace), "--json"]
    again = subprocess.run(replay, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 0, again.stdout


def test_for_a_person_it_is_one_line_each(rig):
    done = check(rig, "--connect")
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert len(lines) == 5  # the file, and four instruments
    assert re.fullmatch(
        r"pump: Knauer AZURA pump, 10 mL head \(socket://127.0.0.1:\d+, \d\.\d\d s\)", lines[1]
    )


def test_there_is_nothing_to_record_without_asking(rig, tmp_path):
    done = check(rig, "--trace", str(tmp_path / "t.jsonl"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--trace: there is nothing to record without --connect\n"
