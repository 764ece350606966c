"""``taylord scan`` as a process, on real pseudo-terminals and sockets."""

import json
import os
import subprocess
import sys
import tomllib

import pytest

from tests.services.hosting import Hosted
from tests.services.zoo import ZOO

TAYLORD = [sys.executable, "-m", "daemon"]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    hosted = Hosted(tmp_path_factory.mktemp("zoo"), ZOO)
    yield hosted.ports()
    code, _, said = hosted.end()
    assert code == 0, said


def scan(*arguments):
    command = [*TAYLORD, "scan", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def found_on(port, *arguments):
    done = scan("--port", port, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["ports"][0]


def test_two_pumps_on_one_line_are_found_by_their_addresses(zoo):
    found = found_on(zoo["pump-0"])
    assert [(i["drivers"], i["address"]) for i in found["instruments"]] == [
        (["new-era-ne1000"], 0),
        (["new-era-ne1000"], 3),
    ]
    assert found["instruments"][0]["line"].endswith(" baud 8N1")  # a terminal takes any rate


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("azura", "knauer-azura-pump"),
        ("bath", "huber-pilot-one"),
        ("nmr", "magritek-spinsolve"),
    ],
)
def test_an_instrument_is_found_and_its_section_is_a_configuration(zoo, name, driver, tmp_path):
    (instrument,) = found_on(zoo[name])["instruments"]
    assert instrument["drivers"] == [driver]
    section = instrument["sections"][driver]
    table = tomllib.loads(section)["instruments"][driver]
    assert (table["driver"], table["port"]) == (driver, zoo[name])
    config = tmp_path / "rig.toml"
    config.write_text(f'name = "found"\n{section}')
    check = [*TAYLORD, "check", str(config), "--connect"]
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modbus_units_are_found_when_asked(zoo):
    """All other questions, which go first, are left out: half a minute. test_scan.py asks them."""
    drivers = ["--drivers", "eurotherm-epc3000", "keller-x-line", "eurotherm-3216"]
    found = found_on(zoo["block"], "--modbus", "--units", "1-3", *drivers)["instruments"]
    assert [(i["address"], i["drivers"]) for i in found] == [
        (1, ["eurotherm-3216", "eurotherm-epc3000"]),
        (2, ["keller-x-line"]),
    ]


def test_several_ports_are_asked_at_once_and_shown_ready_to_paste(zoo):
    done = scan("--port", zoo["azura"], zoo["bath"])
    assert done.returncode == 0
    assert f"{zoo['bath']}: Huber thermostat, 9600 baud 8N1" in done.stdout
    pasted = "\n".join(
        line
        for line in done.stdout.splitlines()
        if not line.startswith((zoo["azura"], zoo["bath"]))
    )
    assert set(tomllib.loads(pasted)["instruments"]) == {"knauer-azura-pump", "huber-pilot-one"}


HOLD = """
import sys, time, serial
port = serial.Serial(sys.argv[1], exclusive={exclusive})
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("exclusive", [True, None])
def test_a_port_that_somebody_holds_is_not_opened_and_its_holder_is_named(exclusive):
    ours, theirs = os.openpty()
    path = os.ttyname(theirs)
    command = [sys.executable, "-c", HOLD.format(exclusive=exclusive), path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        os.set_blocking(ours, False)
        done = scan("--port", path)
        assert done.returncode == 3
        assert f"{path}: in use by " in done.stdout
        assert f"(process {process.pid}): not opened" in done.stdout
        with pytest.raises(BlockingIOError):
            os.read(ours, 100)  # not one byte was sent
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
        os.close(theirs)


def test_a_port_that_is_not_there_is_told_and_is_no_success():
    done = scan("--port", "/dev/ttyNONE", "socket://127.0.0.1:1", "--json")
    assert done.returncode == 3
    states = [(p["state"], p["message"]) for p in json.loads(done.stdout)["ports"]]
    assert states[0][0] == "failed"
    assert "no such port" in states[0][1]
    assert "connection refused" in states[1][1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "http://x"], "--port http://x: http:// is not known"),
        (["--port", "socket://x"], "--port socket://x: must be socket://HOST:PORT"),
        (["--units", "1-4"], "--units: says which Modbus units to look for, and needs --modbus"),
        (
            ["--drivers", "Keler-x-line"],
            "--drivers: no driver is called 'Keler-x-line'; did you mean 'keller-x-line'?",
        ),
        (["--modbus", "--units", "0-4"], "--units: must be A-B between 1 and 247, got '0-4'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(arguments, says):
    done = scan(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(says)
    assert len(done.stderr.splitlines()) == 1


def test_ports_are_listed_without_opening_any():
    done = scan("--list", "--json")
    assert done.returncode == 0
    assert all(port["state"] == "not asked" for port in json.loads(done.stdout)["ports"])
