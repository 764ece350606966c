"""The unit file, as systemd's own tools judge it."""

import json
import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "config" / "taylord.service"
MOST_EXPOSURE = 2.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed (Debian: apt install systemd)",
)


def analyze(*words):
    return subprocess.run(
        ["systemd-analyze", *words, str(UNIT)], capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def unit():
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(UNIT)
    return parser


def test_a_planner_that_takes_too_much_memory_does_not_end_the_daemon(unit):
    assert unit["Service"]["OOMPolicy"] == "continue"


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit():
    result = analyze("verify", "--man=no")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@needs_systemd
def test_the_unit_is_hardened():
    result = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSURE * 10:.0f}")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Overall exposure level" in result.stdout


@needs_systemd
def test_the_device_list_is_serial_ports_only():
    result = analyze("security", "--offline=true", "--json=short")
    checks = {row["json_field"]: row for row in json.loads(result.stdout)}
    assert "mem" not in checks["DeviceAllow"]["description"]
    assert checks["CapabilityBoundingSet_CAP_SYS_ADMIN"]["set"]


def test_the_rig_is_made_safe_whenever_the_daemon_has_ended(unit):
    service = unit["Service"]
    command = "/usr/bin/env taylord"
    assert service["ExecStart"].startswith(f"{command} run /etc/taylord/rig.toml")
    where = service["ExecStart"].partition(" --data ")[2]
    assert service["ExecStopPost"] == f"{command} safe /etc/taylord/rig.toml --data {where}"


def test_there_is_time_to_make_the_rig_safe_before_systemd_gives_up(unit):
    from daemon.rig.rig import END_TIMING
    from daemon.safety.safe import SAFE_TIMING

    limit_s = int(unit["Service"]["TimeoutStopSec"])
    assert END_TIMING.give_up_s < limit_s
    assert SAFE_TIMING.give_up_s < limit_s


def test_the_watchdog_waits_for_the_slowest_task_but_not_much_longer(unit):
    from daemon.rig.supervisor import BEAT_WITHIN_S

    limit_s = int(unit["Service"]["WatchdogSec"])
    assert BEAT_WITHIN_S <= limit_s <= 60


def test_a_wrong_configuration_or_a_trip_is_not_started_again_and_again(unit):
    service = unit["Service"]
    assert service["Restart"] == "on-failure"
    assert {"2", "4"} <= set(service["RestartPreventExitStatus"].split())
    assert int(unit["Unit"]["StartLimitBurst"]) <= 10


def test_ports_are_allowed_by_number_since_names_are_unknown_before_an_adapter_is_plugged_in():
    rows = re.findall(r"^DeviceAllow=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert rows == ["char-188 rw", "char-166 rw", "char-4 rw", "char-204 rw"]


def test_lines_in_the_journal_are_called_taylord(unit):
    assert unit["Service"]["SyslogIdentifier"] == "taylord"


@pytest.mark.parametrize("line", ["ExecStart", "ExecStopPost"])
def test_the_commands_of_the_unit_are_commands_of_the_program(unit, line):
    from daemon.cli.parser import parse

    words = unit["Service"][line].split()
    assert words[:2] == ["/usr/bin/env", "taylord"]
    arguments = parse(words[2:])
    assert str(arguments.config) == "/etc/taylord/rig.toml"
