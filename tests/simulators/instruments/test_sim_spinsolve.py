"""The Spinsolve as its sheet describes it."""

import asyncio
import re
from pathlib import Path

import pytest

from simulators.instruments.spinsolve import SimSpinsolve
from tests.simulators.parts import FakeCell, Host, clock, ports

pytestmark = pytest.mark.virtual
DECLARATION = "<?xml version='1.0' encoding='utf-8'?>\n"
START = '<Start protocol="1D PROTON"><Option name="Scan" value="QuickScan"/></Start>'


@pytest.fixture
async def cell():
    return FakeCell()


@pytest.fixture
async def sim(cell, tmp_path):
    return SimSpinsolve("nmr", {"data_dir": tmp_path}, ports(cell=cell), clock)


@pytest.fixture
async def host(sim):
    async with Host(sim, framing="tcp") as host:
        yield host


def document(child):
    return f"{DECLARATION}<Message>{child}</Message>".encode()


async def ask(host, child, within=1.0):
    """Return the children of the messages that come."""
    heard = (await host.ask(document(child), within)).decode()
    return re.findall(r"<Message>(.*?)</Message>", heard, re.DOTALL)


def kinds(messages):
    return [
        re.sub(r'.*<(State|Progress|Completed|Error)( .*?status="(\w+)")?.*', r"\1 \3", m)
        for m in messages
    ]


async def test_hardware_is_told_as_printed(host):
    assert await ask(host, "<HardwareRequest/>") == [
        "<HardwareResponse><ConnectedToHardware>true</ConnectedToHardware><SpinsolveSoftware>"
        "1.18.1.3062</SpinsolveSoftware><SpinsolveType>Spinsolve 60</SpinsolveType>"
        "</HardwareResponse>"
    ]


async def test_set_is_not_answered_and_get_reads_it_back(host):
    assert await ask(host, "<Set><Sample>run &lt;12&gt;</Sample></Set>") == []
    assert await ask(host, "<Set><Solvent>Chloroform-d1</Solvent></Set>") == []
    assert await ask(host, '<Set><UserData><Data key="a" value="1"/></UserData></Set>') == []
    assert await ask(host, "<GetRequest><Solvent/></GetRequest>") == [
        "<GetResponse><Solvent>Chloroform-d1</Solvent></GetResponse>"
    ]
    assert await ask(host, "<GetRequest><Sample/></GetRequest>") == [
        "<GetResponse><Sample>run &lt;12&gt;</Sample></GetResponse>"
    ]
    assert await ask(host, "<GetRequest><UserData/></GetRequest>") == [
        '<GetResponse><UserData><Data key="a" value="1"/></UserData></GetResponse>'
    ]


@pytest.mark.parametrize(
    "child", ["<GetRequest/>", "<GetRequest><Shoe/></GetRequest>", "<Nonsense/>", "<a/><b/>", "<a>"]
)
async def test_nonsense_is_not_answered(host, child):
    assert await ask(host, child) == []


async def test_options_and_durations_are_told(host):
    (options,) = await ask(host, "<AvailableProtocolOptionsRequest/>")
    assert '<Protocol protocol="1D PROTON"><Option name="Scan"><Value>QuickScan</Value>' in options
    for child, answer in (
        (START, 'durationInSeconds="10"'),
        ('<Start protocol="1D PROTON"/>', 'durationInSeconds="30"'),
        ('<Start protocol="SHIM"/>', 'durationInSeconds="8"'),
        (
            '<Start protocol="1D EXTENDED+"><Option name="Number" value="8"/></Start>',
            'durationInSeconds="56"',
        ),
        ('<Start protocol="1D EXTENDED+"><Option name="Number" value="x"/></Start>', "error="),
        ('<Start protocol="1D PROTON"><Option name="Scan" value="x"/></Start>', "error="),
        ('<Start protocol="2D NONSENSE"/>', "error="),
    ):
        (reply,) = await ask(host, child.replace("Start", "EstimateDurationRequest"))
        assert reply.startswith("<EstimateDurationResponse " + answer)


async def test_a_run_is_told_by_notifications_and_leaves_a_file(host, cell, tmp_path):
    told = await ask(host, START, 12)
    assert kinds(told) == [
        "State Running",
        "Progress ",
        "Progress ",
        "Progress ",
        "State Ready",
        "Completed ",
    ]
    assert 'timestamp="09:00:00"' in told[0]
    assert 'dataFolder=""' in told[0]
    assert 'percentage="50" secondsRemaining="5"' in told[2]
    assert 'dataFolder="C:\\Spinsolve\\2000\\01\\01\\1"' in told[4]
    assert 'completed="true" successful="true"' in told[5]
    assert cell.asked == [10.0]
    written = (tmp_path / "2000" / "01" / "01" / "1" / "spectrum.csv").read_text()
    assert written == "ppm,intensity\n0.00000,0\n0.50000,2.5\n1.00000,0.125\n"


async def test_ready_and_completed_come_in_either_order(host, sim):
    sim.completed_first = True
    assert kinds(await ask(host, START, 12))[-2:] == ["Completed ", "State Ready"]


async def test_a_second_start_is_refused_and_the_run_goes_on(host):
    await ask(host, START, 2)
    assert kinds(await ask(host, START, 10)) == [
        "Error ",
        "Progress ",
        "Progress ",
        "Progress ",
        "State Ready",
        "Completed ",
    ]


async def test_an_unknown_protocol_is_an_error_notification(host):
    assert kinds(await ask(host, '<Start protocol="2D NONSENSE"/>', 20)) == ["Error "]


async def test_no_hardware_no_run(host, sim):
    sim.connected = False
    assert "<ConnectedToHardware>false<" in (await ask(host, "<HardwareRequest/>"))[0]
    assert kinds(await ask(host, START, 20)) == ["Error "]


async def test_a_run_that_fails_leaves_no_file(host, sim, tmp_path):
    sim.fails = "lock lost"
    told = await ask(host, START, 12)
    assert kinds(told)[-3:] == ["Error ", "State Ready", "Completed "]
    assert 'successful="false"' in told[-1]
    assert not list(tmp_path.iterdir())


async def test_abort_stops_the_run(host, cell):
    await ask(host, START, 2)
    assert kinds(await ask(host, "<Abort/>", 20)) == ["State Stopping", "State Ready"]
    assert cell.asked == []
    assert await ask(host, "<Abort/>") == []


async def test_every_client_hears_notifications(sim, host):
    async with Host(sim, framing="tcp") as other:
        await ask(host, START, 12)
        assert b'status="Ready"' in await other.hear(0.1)


async def test_shims_are_answered_when_they_are_done(host):
    (reply,) = await ask(host, "<CheckShimRequest/>")
    assert "<LineWidth>0.52</LineWidth><BaseWidth>18.4</BaseWidth><SystemIsReady>true<" in reply
    assert await ask(host, "<QuickShimRequest/>", 30) == []
    (busy,) = await ask(host, "<CheckShimRequest/>")
    assert busy == '<CheckShimResponse error="device is busy"/>'
    assert b"<QuickShimResponse><LineWidth>" in await host.hear(40)


async def test_the_first_answer_after_sleep_takes_its_time(sim, host):
    sim.asleep = True
    assert await ask(host, "<HardwareRequest/>", 14) == []
    assert b"Spinsolve 60" in await host.hear(2)
    assert await ask(host, "<HardwareRequest/>")


async def test_requests_in_pieces_and_two_at_once(host):
    request = document("<HardwareRequest/>")
    await host.ask(request[:30])
    heard = await host.ask(request[30:] + request)
    assert heard.count(b"<HardwareResponse>") == 2


async def test_on_this_machine_folders_are_named_as_they_are(cell, tmp_path):
    sim = SimSpinsolve("nmr", {"data_dir": tmp_path, "local": True}, ports(cell=cell), clock)
    async with Host(sim) as host:
        ready = (await ask(host, START, 12))[4]
        folder = re.search('dataFolder="(.*)"', ready)[1]
        assert (Path(folder) / "spectrum.csv").is_file()


async def test_without_a_disk_nothing_is_written(cell):
    sim = SimSpinsolve("nmr", {}, ports(cell=cell), clock)
    async with Host(sim) as host:
        assert kinds(await ask(host, START, 12))[-1] == "Completed "


async def test_a_shim_protocol_leaves_no_spectrum(host, cell):
    assert kinds(await ask(host, '<Start protocol="SHIM"/>', 20))[-1] == "Completed "
    assert cell.asked == []
    await asyncio.sleep(0)
