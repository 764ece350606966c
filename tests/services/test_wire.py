"""``taylord wire`` as a process: typed into a pipe, on real terminals and sockets."""

import json
import re
import subprocess
import sys

import pytest

from tests.services.hosting import Hosted

TAYLORD = [sys.executable, "-m", "daemon"]
RIG = """
name = "small"
[instruments.pump]
driver = "knauer-azura-pump"
port = "socket://192.0.2.1:10001"
limits.flow = [0.0, 5.0]
[instruments.syringe]
driver = "new-era-ne1000"
port = "/dev/ttyUSB0"
syringe = { diameter_mm = 26.6, volume_ml = 60.0 }
[instruments.bath]
driver = "huber-pilot-one"
port = "/dev/ttyUSB2"
limits.setpoint = [0.0, 140.0]
[instruments.block]
driver = "eurotherm-3216"
port = "/dev/ttyUSB1"
[instruments.uv]
driver = "mqtt-analyser"
port = "lab/uv"
[[feeds]]
name = "substrate"
pump = "pump"
solutes = { A = 1.0 }
[[feeds]]
name = "solvent"
pump = "syringe"
[reactor]
volume_ml = 1.0
inner_diameter_mm = 0.8
thermostat = "bath"
[chemistry]
limiting = "A"
product = "P"
[mqtt]
host = "127.0.0.1"
port = 1
[simulation]
chemistry = "consecutive"
"""
NO_MQTT = re.sub(r"\[instruments.uv\]\n.*\n.*\n|\[mqtt\]\n.*\n.*\n", "", RIG)


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    """The rig served on terminals and sockets; give a configuration that points at them."""
    folder = tmp_path_factory.mktemp("rig")
    hosted = Hosted(folder, NO_MQTT)
    path = folder / "rig.toml"
    path.write_text(hosted.rewired())
    yield path
    hosted.end()


@pytest.fixture
def simulated(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text(RIG)
    return path


def wire(config, instrument, typed, *arguments):
    done = subprocess.run(
        [*TAYLORD, "wire", str(config), instrument, *arguments],
        input="\n".join(typed),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def entries(config, instrument, typed, *arguments):
    done = wire(config, instrument, typed, "--json", *arguments)
    document = json.loads(done.stdout)
    assert document["instrument"] == instrument
    return done.returncode, document["entries"]


def of_kind(entries, *kinds):
    return [entry for entry in entries if entry["kind"] in kinds]


def test_a_declared_query_shows_bytes_both_ways_and_what_they_mean(hosted):
    code, said = entries(hosted, "pump", ["PRESSURE?"])
    assert code == 0
    sent, received = of_kind(said, "sent", "received")
    assert (sent["text"], sent["hex"]) == (
        r"PRESSURE?\n\r",
        "50 52 45 53 53 55 52 45 3f 0a 0d",
    )
    assert received["text"].startswith("PRESSURE:")
    assert sent["t"] <= received["t"]
    (reading,) = of_kind(said, "reading")
    assert (reading["signal"], reading["unit"]) == ("pump.pressure", "bar")


def test_what_may_act_is_not_sent_without_leave_and_the_reason_is_given(hosted):
    code, said = entries(hosted, "pump", ["FLOW:500", r"ON\n\r", "hex 4F 4E 0A 0D", "set flow 1"])
    assert code == 3
    assert of_kind(said, "sent") == []
    refused = of_kind(said, "refused")
    assert len(refused) == 4
    assert "it may set or move something: nothing was sent" in refused[0]["message"]
    assert "--allow-writes" in refused[0]["message"]


def test_with_leave_bytes_go_out_as_typed_and_an_error_reply_is_a_named_fault(hosted):
    typed = ["FLOW:0", r"HEADTYPE?\n\r", "FLOW:99999"]
    code, said = entries(hosted, "pump", typed, "--allow-writes")
    assert code == 3  # one of them was refused by the pump
    assert [entry["text"] for entry in of_kind(said, "sent")][:2] == [
        r"FLOW:0\n\r",
        r"HEADTYPE?\n\r",
    ]
    assert of_kind(said, "reply")[0]["reply"] == "FLOW:OK"
    (fault,) = of_kind(said, "fault")
    assert fault["fault"] == "CommandRejected"
    assert "ERROR:2 (value refused)" in fault["message"]


def test_setting_a_signal_keeps_its_limits(hosted):
    code, said = entries(hosted, "bath", ["set setpoint 200", "set setpoint 25"], "--allow-writes")
    assert code == 3
    assert of_kind(said, "fault")[0]["fault"] == "OutOfRange"
    assert of_kind(said, "reading")[0]["value"] == 25.0
    assert len(of_kind(said, "sent")) == 1


def test_what_the_driver_has_asked_itself_may_be_asked_again(simulated):
    typed = ["VER", "identify", "poll", "hex 30 56 45 52 0D"]
    code, said = entries(simulated, "syringe", [*typed[1:], typed[0]], "--simulate")
    assert code == 0, said
    assert [r["signal"] for r in of_kind(said, "reading")][:1] == ["syringe.flow"]
    assert of_kind(said, "reply")[-1]["reply"].endswith("NE1000V3.928")


def test_registers_are_read_and_decoded_as_far_as_the_map_goes(hosted):
    code, said = entries(hosted, "block", ["registers 75", "registers 199 1", "registers 500 2"])
    assert code == 3  # 500 is not in the map
    assert [r["signal"] for r in of_kind(said, "reading")] == ["block.status", "block.running"]
    assert "map does not have" in of_kind(said, "refused")[0]["message"]


def test_mistypes_are_told_and_nothing_is_sent(simulated):
    typed = [
        "read colour",
        "hex 0G",
        r"\q",
        "read",
        "listen soon",
        "registers x",
        "# a comment",
        "",
    ]
    code, said = entries(simulated, "pump", typed, "--simulate")
    assert code == 3
    assert [entry["message"].partition(":")[0] for entry in of_kind(said, "mistake")] == [
        "no signal 'colour'; there are flow, pressure, motor_current",
        "'0G' is not hexadecimal",
        r"\q is no escape",
        "write read SIGNAL",
        "listen SECONDS",
        "pump does not speak Modbus",
    ]
    assert of_kind(said, "sent") == []


def test_what_is_shown_can_be_read_by_a_person(simulated):
    done = wire(
        simulated, "bath", ["signals", "read temperature", "quit", "read power"], "--simulate"
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert any(re.fullmatch(r" +\d+\.\d{4} > 7B 4D 30 31 .*\|\{M01.*", line) for line in lines)
    assert any(re.search(r"= bath\.temperature \d+\.\d+ degC", line) for line in lines)
    assert "power" not in lines[-1]  # quit ends


def test_a_line_that_somebody_else_has_is_refused_by_name(hosted):
    port = re.search(r'port = "(/dev/.*)"', hosted.read_text())[1]
    hold = "import sys, serial; p = serial.Serial(sys.argv[1], exclusive=True); print(1, flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "1\n"
        done = wire(hosted, "syringe", ["identify"])
    finally:
        holder.communicate("\n")
    assert done.returncode == 3
    assert ">" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"syringe: {port}: in use by another process")
    assert str(holder.pid) in line


def test_a_session_is_recorded_and_replays(simulated, tmp_path):
    trace = tmp_path / "w.jsonl"
    typed = ["identify", "poll", "ERRORS?", "ON", r"FLOW?\n\r"]
    done = wire(simulated, "pump", typed, "--simulate", "--allow-writes", "--trace", str(trace))
    assert done.returncode == 0, done.stdout
    replay = [*TAYLORD, "replay", str(trace), "--json"]
    again = subprocess.run(replay, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 0, again.stdout
    assert json.loads(again.stdout)["sent"] >= 6


@pytest.mark.parametrize(
    ("instrument", "says"),
    [
        ("bth", "no instrument 'bth'; did you mean 'bath'?"),
        ("uv", "uv: is an MQTT instrument, it has no line of bytes to look at"),
    ],
)
def test_an_instrument_without_a_line_is_a_mistake(simulated, instrument, says):
    done = wire(simulated, instrument, [], "--simulate")
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
