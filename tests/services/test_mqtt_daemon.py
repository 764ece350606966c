"""A whole daemon, in a process of its own, as MQTT clients see and command it (CONTRACT, MQTT)."""

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.services.broker import MOSQUITTO, broker
from tests.services.mqtt_rig import listening, properties

__all__ = ["broker"]
pytestmark = pytest.mark.skipif(
    not MOSQUITTO, reason="mosquitto is not installed (apt install mosquitto)"
)

EXAMPLE = Path(__file__).parents[2] / "config" / "flow.toml"
POINT = {
    "residence_time": 1.0,
    "temperature": 40.0,
    "concentration": 0.2,
    "equivalents.pyrrolidine": 2.0,
}


class Process:
    """``taylord run --simulate`` on a broker; virtual time runs ``speed`` times the wall's."""

    def __init__(self, folder, broker, *, speed=50, mqtt="", **campaign):
        text = EXAMPLE.read_text().replace("experiments = 40", "experiments = 2", 1)
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in campaign.items())
        text = text.replace("[campaign]\n", f"[campaign]\n{lines}", 1)
        text = text.replace(
            'host = "localhost"', f'host = "127.0.0.1"\nport = {broker.port}\n{mqtt}', 1
        )
        self.folder, self.config, self.speed = folder, folder / "rig.toml", speed
        self.config.write_text(text)

    def start(self, *more):
        command = [sys.executable, "-m", "daemon", "run", str(self.config), "--simulate"]
        command += ["--speed", str(self.speed), "--data", str(self.folder / "data"), *more]
        with (self.folder / "daemon.log").open("a") as log:
            self.running = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        return self

    def kill(self):
        self.running.kill()
        self.running.wait(20)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.running.send_signal(signal.SIGTERM)
        try:
            self.running.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


@asynccontextmanager
async def client(broker, *topics, five=True):
    """Connect a client that has seen the rig come online."""
    async with listening(broker, *topics, five=five) as heard:
        yield heard


async def ready(heard):
    """Wait until the rig is online, its instruments are there, and something was read."""
    await heard.until("status", lambda d: d["state"] == "online", timeout=30)
    await heard.until(
        "state",
        lambda d: {c["state"] for c in d["connections"].values()} == {"connected"},
        timeout=30,
    )


def message(heard, topic):
    """Return the last message of a topic."""
    return [m for m in heard.heard if m.topic.value.endswith(f"/flow-1/{topic}")][-1]


async def code(heard, verb, fields):
    return (await heard.ask(verb, fields))["error"]["code"]


async def test_everything_a_daemon_says_is_as_promised(broker, tmp_path):
    with Process(tmp_path, broker, mqtt="bare_signals = true", start="command"):
        async with client(broker) as heard:
            await ready(heard)
            await heard.until("scan", lambda d: "bath.temperature" in d["values"])
        async with client(broker, five=False) as late:
            status, state = await late.until("status"), await late.until("state")
            signals = await late.until("signals")
            assert message(late, "status").retain
            assert message(late, "status").qos == 1
            assert status.keys() >= {"state", "boot", "seq", "version", "since"}
            assert state["rig"] == "ready"
            assert state["campaign"]["state"] == "idle"
            assert state.keys() >= {"experiments", "trip", "alarms", "connections", "boot", "seq"}
            assert {"unit", "type", "limits", "writable", "poll_s"} <= signals["signals"][
                "bath.setpoint"
            ].keys()
            async with asyncio.timeout(10):
                while "signal/bath/temperature" not in late.topics():
                    await asyncio.sleep(0.05)
            (bare, *_) = [
                m for m in late.heard if m.topic.value.endswith("/signal/bath/temperature")
            ]
            assert bare.retain
            assert 15 < float(bare.payload) < 30


async def test_every_refusal_has_its_code(broker, tmp_path):
    with Process(tmp_path, broker, speed=20, start="command"):
        async with client(broker, "reply/#", "status", "state") as heard:
            await ready(heard)
            assert (await heard.ask("ping", {"id": "1"}))["ok"]
            setpoint = {"signal": "bath.setpoint", "value": 50}
            for number, (wanted, verb, fields) in enumerate([
                ("bad-request", "set", {"signal": "bath.setpoint"}),
                ("bad-request", "set", setpoint | {"extra": 1}),
                ("bad-request", "set", setpoint | {"value": "hot"}),
                ("bad-request", "experiment.submit", {"conditions": {}}),
                ("bad-request", "alarm.acknowledge", {"alarm": "none such"}),
                ("bad-request", "reconnect", {"instrument": "none such"}),
                ("unknown-verb", "explode", {}),
                ("unknown-signal", "get", {"signal": "bath.nothing"}),
                ("unknown-signal", "set", setpoint | {"signal": "nothing.setpoint"}),
                ("out-of-range", "set", setpoint | {"value": 141}),
                ("out-of-range", "set", {"signal": "pump-a.flow", "value": 5.1}),
                ("out-of-range", "experiment.submit", {"conditions": POINT | {"temperature": 400}}),
                ("refused", "trip.reset", {}),
                ("refused", "campaign.hold", {}),
                ("refused", "campaign.resume", {}),
                ("refused", "experiment.skip", {}),
                ("refused", "suggestion.approve", {"suggestion": "s-0001"}),
                ("refused", "result.submit", {"experiment": "e-9", "responses": {"yield": 1.0}}),
            ]):  # fmt: skip
                assert await code(heard, verb, fields | {"id": f"r{number}"}) == wanted, (
                    verb,
                    fields,
                )
            assert (await heard.ask("trip", {"id": "t"}))["result"]["safe"] is True
            assert await code(heard, "set", setpoint | {"id": "t1"}) == "refused"
            assert await code(heard, "campaign.start", {"id": "t2"}) == "refused"
            assert await code(heard, "experiment.submit", {"id": "t3", "conditions": POINT}) == (
                "refused"
            )
            assert (await heard.ask("trip.reset", {"id": "t4"}))["ok"]
            reply = await heard.ask("set", setpoint | {"id": "t5"})
            assert reply["result"]["value"] == 50.0


async def test_a_killed_daemon_is_told_offline_and_its_successor_online(broker, tmp_path):
    daemon = Process(tmp_path, broker, start="command").start()
    try:
        async with client(broker, "status", "state") as heard:
            await ready(heard)
            first = (await heard.until("status"))["boot"]
            daemon.kill()
            gone = await heard.until("status", lambda d: d["state"] == "offline", timeout=30)
            assert gone["boot"] == first
        async with client(broker, "status") as late:
            assert (await late.until("status"))["state"] == "offline"
            assert message(late, "status").retain
            with daemon:
                back = await late.until("status", lambda d: d["state"] == "online", timeout=30)
                assert back["boot"] != first
            await late.until(
                "status", lambda d: (d["state"], d["boot"]) == ("offline", back["boot"])
            )
    finally:
        daemon.kill()


async def test_a_broker_killed_in_mid_campaign_is_found_again_with_everything_retained(
    broker, tmp_path
):
    with Process(tmp_path, broker, speed=150) as daemon:
        async with client(broker, "status", "state", "event/#") as heard:
            await ready(heard)
            await heard.until("event/experiment", lambda d: d["step"] == "Heat", timeout=20)
        broker.kill()
        await asyncio.sleep(1.0)
        broker.start()
        async with client(broker) as heard:
            await ready(heard)
            assert (await heard.until("signals"))["signals"]
            done = await heard.until(
                "event/experiment", lambda d: d["status"] != "running", timeout=60
            )
            assert done["status"] == "ok"
            daemon.kill()
            await heard.until("status", lambda d: d["state"] == "offline", timeout=30)


INFEASIBLE = """
import json, sys
for line in sys.stdin:
    n = len(json.loads(line)["history"])
    point = {"residence_time": 0.5, "temperature": 60.0 + 0.1 * n, "concentration": 0.5}
    print(json.dumps({"points": [point | {"equivalents.pyrrolidine": 5.0}]}), flush=True)
"""


async def test_a_campaign_that_was_given_up_calls_a_person_also_after_kill_9(broker, tmp_path):
    (tmp_path / "planner.py").write_text(INFEASIBLE)
    command = [sys.executable, str(tmp_path / "planner.py")]
    daemon = Process(tmp_path, broker)
    text = daemon.config.read_text().replace("[0.0, 5.0]", "[0.0, 0.3]", 1)
    text = text.replace('planner = "bayes"', f"planner = {{ command = {json.dumps(command)} }}")
    daemon.config.write_text(text)
    given_up = {"id": "campaign given up", "state": "active"}.items()
    with daemon:
        async with client(broker, "event/#", "status") as heard:
            alarm = await heard.until("event/alarm", lambda d: given_up <= d.items(), timeout=30)
            assert alarm["message"].startswith("20 experiments refused in a row; the last: flow")
            await heard.until("event/campaign", lambda d: d["state"] == "stopped")
            daemon.kill()
            await heard.until("status", lambda d: d["state"] == "offline", timeout=30)
        daemon.start()
        async with client(broker) as heard:
            await heard.until("status", lambda d: d["state"] == "online", timeout=30)
            state = await heard.until("state", lambda d: d["alarms"], timeout=20)
            assert [a["message"] for a in state["alarms"]] == [alarm["message"]]
            assert (await heard.ask("campaign.start", {"id": "again"}))["ok"]
            cleared = {"id": "campaign given up", "state": "cleared"}.items()
            await heard.until("event/alarm", lambda d: cleared <= d.items())


async def test_suggestions_wait_for_a_person_who_may_veto_them(broker, tmp_path):
    with Process(tmp_path, broker, approve=True):
        async with client(broker) as heard:
            await ready(heard)
            proposed = await heard.until(
                "event/suggestion", lambda d: d["state"] == "proposed", timeout=40
            )
            veto = {"suggestion": proposed["id"]}
            assert (await heard.ask("suggestion.veto", veto | {"id": "v"}))["ok"]
            again = await heard.until(
                "event/suggestion",
                lambda d: d["state"] == "proposed" and d["id"] != proposed["id"],
                timeout=40,
            )
            assert again["point"] != proposed["point"]
            approve = {"suggestion": again["id"]}
            assert (await heard.ask("suggestion.approve", approve | {"id": "a"}))["ok"]
            running = await heard.until("event/experiment", timeout=20)
            assert running["requested"] == again["point"]


async def test_a_person_submits_an_experiment_and_its_result_while_nothing_is_planned(
    broker, tmp_path
):
    with Process(tmp_path, broker, speed=100, start="command"):
        async with client(broker) as heard:
            await ready(heard)
            submit = {"id": "s", "conditions": POINT}
            first = await heard.ask("experiment.submit", submit)
            assert first["result"]["suggestion"] == "s-0001"
            assert (await heard.ask("experiment.submit", submit))["result"] == first["result"]
            await heard.until("event/experiment", lambda d: d["step"] == "Heat", timeout=20)
            running = {"experiment": "e-0001", "responses": {"space_time_yield": 1.5}}
            assert await code(heard, "result.submit", running | {"id": "early"}) == "refused"
            assert (await heard.ask("campaign.hold", {"id": "h"}))["result"]["state"] == "holding"
            await heard.until("event/campaign", lambda d: d["state"] == "held")
            assert (await heard.ask("campaign.resume", {"id": "r"}))["ok"]
            second = await heard.ask("experiment.submit", {"id": "s2", "conditions": POINT})
            assert second["result"]["suggestion"] == "s-0002"
            await heard.until("event/experiment", lambda d: d["status"] == "ok", timeout=40)
            assert (await heard.ask("result.submit", running | {"id": "late"}))["ok"]
            offline = await heard.until(
                "event/experiment",
                lambda d: d["responses"].get("space_time_yield", {}).get("value") == 1.5,
            )
            assert offline["id"] == "e-0001"
            expired = properties(MessageExpiryInterval=1)
            await heard.send("ping", {"id": "x"}, properties=expired)
            assert (await heard.until("reply/x"))["ok"]
            assert (await heard.ask("campaign.abort", {"id": "end"}))["ok"]
            ended = await heard.until("event/campaign", lambda d: d["state"] == "aborted")
            assert ended
