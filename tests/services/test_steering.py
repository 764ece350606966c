"""A person steers a daemon that runs in a process of its own, and that is killed in between."""

import asyncio
import json
import subprocess
import sys

import pytest

from daemon.store.reader import Reader
from tests.services.broker import MOSQUITTO, broker
from tests.services.mqtt_rig import listening
from tests.services.test_mqtt_daemon import Process, ready

__all__ = ["broker"]
pytestmark = pytest.mark.skipif(
    not MOSQUITTO, reason="mosquitto is not installed (apt install mosquitto)"
)


async def taylord(broker, *words):
    """Run a command of the command line; return exit code, standard output and error."""
    command = [sys.executable, "-m", "daemon", *words, "--broker", broker.address]
    child = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, error = await child.communicate()
    return child.returncode, out.decode(), error.decode()


def is_new(seen):
    """A proposed point whose name was not seen yet."""
    return lambda d: d["state"] == "proposed" and d["id"] not in seen


async def test_a_wish_and_an_edited_space_survive_kill_9(broker, tmp_path):
    process = Process(tmp_path, broker, speed=100, approve=True, on_restart="resume", experiments=3)
    process.config.write_text(process.config.read_text().replace("experiments = 2\n", "", 1))
    async with listening(broker) as heard:
        with process:
            await ready(heard)
            first = await heard.until("event/suggestion", is_new(()), timeout=40)
            code, out, _ = await taylord(
                broker, "space", "flow-1", "--range", "concentration=0.2:0.3", "--by", "Ada"
            )
            outside = not 0.2 <= first["point"]["concentration"] <= 0.3
            told = f"{first['id']}: withdrawn, it lies outside now\n" if outside else ""
            assert (code, out) == (0, f"concentration: 0.1 to 0.5 -> 0.2 to 0.3\n{told}")
            known = {first["id"]}
            if outside:
                await heard.until("event/suggestion", lambda d: d["state"] == "withdrawn")
                first = await heard.until("event/suggestion", is_new(known), timeout=40)
            words = ["reject", "flow-1", first["id"], "--fix", "temperature=60", "--by", "Ada"]
            code, out, _ = await taylord(broker, *words, "--reason", "bath is slow today")
            assert (code, out) == (
                0,
                f"{first['id']}: rejected; asked again with temperature 60\n",
            )
            process.kill()
            await heard.until("status", lambda d: d["state"] == "offline", timeout=30)
            code, _, error = await taylord(broker, "reject", "flow-1", "--timeout", "1")
            assert code != 0
            assert "is the daemon running" in error
            after = len(heard.heard)
            process.start()
            await heard.until("status", lambda d: d["state"] == "online", after=after, timeout=30)
            with Reader(tmp_path / "data") as reader:
                proposed = [s for s in reader.campaign().suggestions if s.state == "proposed"]
            again = (
                {"id": proposed[0].id, "point": proposed[0].point}
                if proposed
                else await heard.until("event/suggestion", is_new(known), after=after, timeout=40)
            )
            assert again["point"]["temperature"] == 60.0
            assert 0.2 <= again["point"]["concentration"] <= 0.3
            code, _, _ = await taylord(broker, "approve", "flow-1", again["id"])
            assert code == 0
            done = await heard.until(
                "event/experiment", lambda d: d["status"] == "ok", after=after, timeout=60
            )
            assert done["requested"]["temperature"] == 60.0
            code, _, error = await taylord(
                broker, "space", "flow-1", "--range", "temperature=30:400"
            )
            assert code == 3
            assert "beyond the limits of bath.setpoint" in error
    with Reader(tmp_path / "data") as reader:
        campaign = reader.campaign()
        (edit,) = reader.rows("SELECT data FROM events WHERE kind = 'space'")
    assert json.loads(edit["data"])["by"] == "Ada"
    assert campaign.problem["factors"][2]["low"] == 0.2
    (vetoed,) = [s for s in campaign.suggestions if s.state == "vetoed"]
    assert vetoed.verdict["reason"] == "bath is slow today"
    assert [s.instead_of for s in campaign.suggestions if s.instead_of] == [vetoed.id]
