"""The daemon as a process: killed at any moment, ended by SIGTERM, resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemon.errors import ConfigError, StoreFailed
from daemon.store.reader import Reader
from tests.services.hosting import Hosted

EXAMPLE = Path(__file__).parents[2] / "config" / "flow.toml"
EXPERIMENTS = 3  # of a campaign that is cut short in the first, or after the second
TAYLORD = [sys.executable, "-m", "daemon"]
pytestmark = pytest.mark.no_cover  # a killed process hands in nothing, and traced ones are slow


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rig.toml"
    text = EXAMPLE.read_text().replace("experiments = 40", f"experiments = {EXPERIMENTS}")
    path.write_text(text.replace('[mqtt]\nhost = "localhost"\n', ""))
    return path


def start(config, data, *arguments):
    command = [*TAYLORD, *arguments, str(config), "--simulate", "--data", str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(config, data, verb):
    process = start(config, data, verb, "--speed", "max", "--once", "--json")
    out, error = process.communicate(timeout=100)
    assert process.returncode == 0, error
    return json.loads(out)


def when(data, condition, process, by=60):
    """Wait until the store of a running daemon meets a condition."""
    deadline = time.monotonic() + by
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        campaign = campaign_in(data)
        if campaign is not None and condition(campaign):
            return campaign
        time.sleep(0.02)
    process.kill()
    raise AssertionError("the daemon never came that far")


def campaign_in(data):
    """Return the campaign recorded so far; None before there is a record."""
    try:
        with Reader(data) as reader:
            return reader.campaign()
    except (ConfigError, StoreFailed):
        return None


def points(campaign_or_document):
    return [e["requested"] for e in campaign_or_document["experiments"]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The points of a campaign that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    path = folder / "rig.toml"
    text = EXAMPLE.read_text().replace("experiments = 40", f"experiments = {EXPERIMENTS}")
    path.write_text(text.replace('[mqtt]\nhost = "localhost"\n', ""))
    return points(finish(path, folder / "data", "run"))


@pytest.mark.parametrize("done", [0, 2])
def test_a_killed_campaign_loses_no_record_and_goes_on_with_the_same_point(
    config, tmp_path, whole, done
):
    data = tmp_path / "data"
    process = start(config, data, "run", "--speed", "max", "--once")
    before = when(data, lambda c: len(c.experiments) > done, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with Reader(data) as reader:
        after = reader.campaign()
    kept = {e.id: e for e in after.experiments}
    for experiment in before.experiments:
        if experiment.status == "ok":
            assert kept[experiment.id].responses == experiment.responses
    cut = [e for e in after.experiments if e.status != "ok"]
    document = finish(config, data, "resume")
    assert document["state"] == "complete"
    statuses = [e["status"] for e in document["experiments"]]
    assert statuses.count("ok") == EXPERIMENTS
    assert statuses.count("interrupted") == len(cut)
    n_ok = len(after.experiments) - len(cut)
    first_after = [e for e in document["experiments"] if e["status"] == "ok"][n_ok]
    assert first_after["requested"] == whole[n_ok]


def test_sigterm_makes_the_rig_safe_and_leaves_the_campaign_to_be_resumed(config, tmp_path):
    data = tmp_path / "data"
    process = start(config, data, "run", "--speed", "200")
    when(data, lambda c: len(c.experiments) > 0, process)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 0, error
    with Reader(data) as reader:
        campaign = reader.campaign()
        rows = reader.rows("SELECT data FROM events WHERE kind = 'decision' ORDER BY seq")
        decisions = [json.loads(row[0]) for row in rows]
    assert not campaign.ended
    assert campaign.experiments[-1].status == "interrupted"
    safe = [d for d in decisions if d.get("what") == "rig.safe"]
    assert all(line.endswith(": safe") for line in safe[-1]["outcome"])
    assert finish(config, data, "resume")["state"] == "complete"


def test_once_with_an_interrupted_campaign_asks_what_to_do(config, tmp_path):
    data = tmp_path / "data"
    process = start(config, data, "run", "--speed", "max", "--once")
    when(data, lambda c: len(c.experiments) > 0, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = start(config, data, "run", "--speed", "max", "--once")
    _, error = again.communicate(timeout=60)
    assert again.returncode == 2
    assert "`taylord resume` goes on with it" in error


def test_a_restarted_daemon_waits_with_the_interrupted_campaign_until_a_person_starts_it(
    config, tmp_path
):
    data = tmp_path / "data"
    process = start(config, data, "run", "--speed", "max", "--once")
    before = when(data, lambda c: len(c.experiments) > 1, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = start(config, data, "run", "--speed", "200")
    when(data, lambda _: "campaign.waits" in (data / "log.jsonl").read_text(), again)
    again.send_signal(signal.SIGTERM)
    _, error = again.communicate(timeout=30)
    assert again.returncode == 0, error
    after = campaign_in(data)
    assert after.id == before.id
    kept, known = (points_of(c)[: len(before.experiments)] for c in (after, before))
    assert kept == known
    assert not any(e.status == "running" for e in after.experiments)
    config.write_text(config.read_text() + "\n# changed meanwhile\n")
    assert finish(config, data, "resume")["state"] == "complete"
    assert "campaign.config_changed" in (data / "log.jsonl").read_text()


def points_of(campaign):
    return [e.requested for e in campaign.experiments]


def test_an_experiment_that_is_ended_before_it_began_says_so_without_a_traceback(config, tmp_path):
    config.write_text(config.read_text().replace("192.168.10.", "127.0.10."))  # nobody is there
    data = tmp_path / "data"
    conditions = ("residence_time=1", "temperature=60", "concentration=0.3")
    command = [*TAYLORD, "experiment", str(config), "--data", str(data)]
    for condition in (*conditions, "equivalents.pyrrolidine=2"):
        command += ["--set", condition]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = data / "log.jsonl"
    when(data, lambda _: log.exists() and "connection.lost" in log.read_text(), process)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert "ended by a signal" in error
    assert "Traceback" not in error


def test_two_daemons_on_one_data_directory_are_refused(config, tmp_path):
    data = tmp_path / "data"
    first = start(config, data, "run", "--speed", "100")
    try:
        when(data, lambda c: True, first)
        second = start(config, data, "run", "--speed", "max")
        _, error = second.communicate(timeout=60)
        assert second.returncode != 0
        assert "Traceback" not in error
        assert str(data) in error
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=30)


def test_a_rig_without_a_campaign_keeps_no_planner_process(config, tmp_path):
    text = config.read_text()
    head, rest = text[: text.index("[campaign]")], text[text.index("[[interlocks]]") :]
    config.write_text(head + rest)
    data, log = tmp_path / "data", tmp_path / "data" / "log.jsonl"
    process = start(config, data, "run")
    when(data, lambda _: log.exists() and "daemon.ready" in log.read_text(), process)
    kept = _children(process.pid)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert kept == []


def test_a_killed_daemon_leaves_no_planner_process_behind(config, tmp_path):
    data = tmp_path / "data"
    process = start(config, data, "run", "--speed", "200")
    when(data, lambda c: len(c.experiments) > 0, process)
    children = _children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert children
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def _children(pid):
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if not path.exists():
        return [int(p) for p in os.popen(f"pgrep -P {pid}").read().split()]
    return [int(p) for p in path.read_text().split()]


def until(condition, process, by=30):
    """Wait until a condition holds while a process runs."""
    deadline = time.monotonic() + by
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it never came that far"
        time.sleep(0.05)


def test_what_a_killed_daemon_has_left_heating_is_off_before_the_next_one_polls_it(
    config, tmp_path
):
    """Its polls would feed the bath's own watchdog, and nobody is in charge of the rig."""
    host = Hosted(tmp_path, config.read_text())
    config.write_text(host.rewired())
    data = tmp_path / "data"
    command = [*TAYLORD, "run", str(config), "--data", str(data)]
    daemons, quiet = [], subprocess.DEVNULL

    def daemon():
        daemons.append(subprocess.Popen(command, stdout=quiet, stderr=quiet))
        return daemons[-1]

    def heats():
        return host.truth()["heaters"]["bath"]["goal"] is not None

    try:
        until(heats, daemon())
        daemons[0].kill()
        daemons[0].wait()
        assert heats()
        until(lambda: not heats(), daemon())
        assert campaign_in(data).experiments[-1].status == "interrupted"
    finally:
        for process in daemons:
            process.kill()
            process.wait()
        host.end()
