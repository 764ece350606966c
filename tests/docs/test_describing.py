"""The page on describing instruments: its files, its messages and its commands work."""

import asyncio
import re
import shlex
import tomllib

import pytest

from daemon.cli import main
from daemon.described import description_faults
from daemon.settings.load import load
from drivers.described.model import (
    AddressPart,
    ChecksumPart,
    Description,
    ExamplePart,
    ExchangePart,
    FieldPart,
    FramingPart,
    LinePart,
    ModbusPart,
    SimulatedPart,
    WatchdogPart,
)
from drivers.errors import CommandRejected, DeviceFault
from drivers.registry import Lines
from simulators.described.instrument import Described
from simulators.instruments.base import Ports
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd
from tests.contract.bench import Part
from tests.docs.blocks import DOCS, block, blocks

PAGE = "describing-an-instrument.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
FLOW = (DOCS.parent / "config" / "flow.toml").read_text(encoding="utf-8")
FILES = [b for b in blocks(PAGE, "toml") if b.path]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with the files of the page, and the rig of the page beside them."""
    for shown in FILES:
        (tmp_path / shown.path).write_text(shown.text, encoding="utf-8")
    bath = next(b for b in blocks(PAGE, "toml") if not b.path).text
    own, _, rest = FLOW.partition("[instruments.bath]")
    rig = own + bath + rest[rest.index("[instruments.nmr]") :]
    (tmp_path / "flow.toml").write_text(re.sub(r'\[mqtt\]\nhost = "localhost"\n', "", rig))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("shown", FILES, ids=lambda b: b.path)
def test_the_files_of_the_page_are_free_of_faults(shown, folder):
    assert description_faults(folder / shown.path) == []


def test_an_ascii_instrument_takes_at_most_forty_lines():
    assert len(block(PAGE, "exemplar-c20.toml").splitlines()) <= 40


def test_the_commands_of_the_page_do_what_it_says(folder, capsys):
    commands = " ".join(b.text for b in blocks(PAGE, "sh")).replace("taylord ", "\n")
    for line in filter(None, map(str.strip, commands.splitlines())):
        assert main(shlex.split(line)) == 0, line
    said = capsys.readouterr().out
    assert "exemplar-c20.toml: no fault found (5 examples)" in said
    assert "space_time_yield" in said


BROKEN = [  # what to change in the file, to get the messages of the page
    ('reply = "T {temperature:0.00}"', 'reply = "T {temperatur:0.00}"'),
    ('{ reply = "{_what} ERR {_code}"', '{ reply = "{_what}ERR {_code}"'),
    ('alarm = { send = "E?"', 'alarm = { send = "T?"'),
    ("gives = { temperature = 23.75 }", "gives = { temperature = 32.75 }"),
]


@pytest.mark.parametrize("k", range(len(BROKEN)))
def test_the_messages_of_the_page_are_those_of_the_program(k, folder):
    shown = next(b for b in blocks(PAGE, "text")).text.splitlines()[k]
    good, bad = BROKEN[k]
    path = folder / "exemplar-c20.toml"
    text = path.read_text(encoding="utf-8")
    assert good in text
    text = text.replace(good, bad)
    if k == 1:  # an empty letter, too, and nothing is left for the second
        text = text.replace('like = "[A-Z]", start = "S"', 'like = "[A-Z]? ?", start = "S "')
    path.write_text(text, encoding="utf-8")
    assert shown in [f"exemplar-c20.toml: {fault}" for fault in description_faults(path)]


async def wired(path, driver, part, port="/dev/ttyUSB0"):
    sim = Described(path)(
        "i", {}, Ports(heater=part, pressure=part), asyncio.get_running_loop().time
    )
    line = Line(port, [Station(sim)])
    lines = Lines(lambda _port, _spec: MemoryEnd(line))
    instrument = lines.instrument("i", driver, port, {}, {})
    await lines.open("i")
    await instrument.identify()
    await instrument.prepare()
    return lines, instrument, sim


@pytest.mark.virtual
async def test_the_bath_of_the_page_holds_a_temperature_and_lets_go_of_it(folder):
    part = Part()
    path = folder / "exemplar-c20.toml"
    lines, bath, sim = await wired(path, str(path), part)
    assert await bath.set_temperature(80.0) == 80.0
    assert part.goal == 80.0
    with pytest.raises(CommandRejected, match=r"'S 900.00' is answered 'S ERR 2' \(value\)"):
        await bath.perform(bath.book.exchanges["set_setpoint"], {"setpoint": 900.0}, 1)
    sim.state.values["_alarm"] = 4
    with pytest.raises(DeviceFault, match=r"alarm \(manual 5.7\): 4"):
        await bath.check()
    await bath.make_safe()
    assert part.goal is None
    await lines.close()


@pytest.mark.virtual
async def test_the_transmitter_of_the_page_refuses_another_unit(folder):
    path = folder / "exemplar-m2.toml"
    lines, gauge, sim = await wired(path, str(path), Part())
    assert await gauge.identify()
    (reading,) = await gauge.poll(["pressure"])
    assert reading.value == pytest.approx(1.2345)
    sim.state.values["_unit"] = 2
    with pytest.raises(DeviceFault, match="unit is 2, expected 1 \\(set the unit to kPa\\)"):
        await gauge.prepare()
    await lines.close()


MODELS = (
    AddressPart,
    ChecksumPart,
    Description,
    ExamplePart,
    ExchangePart,
    FieldPart,
    FramingPart,
    LinePart,
    ModbusPart,
    SimulatedPart,
    WatchdogPart,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_the_page_names_every_key(model):
    keys = [field.alias or key for key, field in model.model_fields.items()]
    assert [key for key in keys if f"`{key}" not in TEXT and f"[{key}" not in TEXT] == []


def test_the_rig_of_the_page_is_found_from_anywhere(folder, monkeypatch):
    monkeypatch.chdir("/")
    settings = load(folder / "flow.toml")
    assert settings.instruments["bath"].driver == str(folder / "exemplar-c20.toml")
    assert tomllib.loads(block(PAGE, "exemplar-c20.toml"))["identity"] == "identity"
