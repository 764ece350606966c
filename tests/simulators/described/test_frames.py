"""The sheets' frames, typed here once more, put to the simulated instruments as bytes."""

import pytest

from simulators.described.instrument import shipped
from simulators.instruments.base import Ports
from tests.contract.bench import Part

FRAMES = [
    ("julabo", {}, b"version\r", b"JULABO CRYOCOMPACT CF31 VERSION 5.0\r\n"),
    ("julabo", {}, b"in_pv_00\r", b"23.75\r\n"),
    ("julabo", {}, b"out_sp_00 55.5\r", b""),
    ("julabo", {}, b"out_sp_00 55.5\rin_sp_00\r", b"55.5\r\n"),
    ("julabo", {}, b"out_mode_05 1\rin_mode_05\r", b"1\r\n"),
    (
        "julabo",
        {},
        b"out_sp_00 900\rstatus\rstatus\r",
        b"-11 VALUE TOO LARGE\r\n02 REMOTE STOP\r\n",
    ),
    ("julabo", {}, b"nonsense\rstatus\r", b"-08 INVALID COMMAND\r\n"),
    ("julabo", {"address": 32}, b"A032_in_pv_00\r", b"A032_23.75\r\n"),
    ("julabo", {"address": 32}, b"in_pv_00\rA031_in_pv_00\r", b""),
    ("ika-namur", {}, b"IN_NAME\r\n", b"RCT digital\r\n"),
    ("ika-namur", {}, b"IN_NAME \r \n", b"RCT digital\r\n"),  # of older manuals
    ("ika-namur", {}, b"OUT_SP_1 60\r\nIN_SP_1\r\n", b"60.0 1\r\n"),
    ("ika-namur", {}, b"IN_PV_1\r\n", b"23.8 1\r\n"),
    ("ika-namur", {}, b"IN_PV_3\r\n", b"23.8 3\r\n"),
    ("ika-namur", {}, b"IN_PV_5\r\n", b"0.0 5\r\n"),
    ("ika-namur", {}, b"IN_SP_3\r\n", b"360.0 3\r\n"),
    ("ika-namur", {"sensor": "external"}, b"IN_PV_2\r\n", b"23.8 2\r\n"),
    ("ika-namur", {}, b"START_1\r\n", b""),
    ("ika-namur", {}, b"OUT_SP_4 300\r\nIN_PV_4\r\n", b"300.0 4\r\n"),
    ("ika-namur", {}, b"UNKNOWN\r\n", b""),
    ("lauda", {}, b"IN_PV_00\r\n", b"023.75\r\n"),
    ("lauda", {}, b"OUT_SP_00_25.5\r\nIN_SP_00\r\n", b"OK\r\n025.50\r\n"),
    ("lauda", {}, b"START\r\nIN_MODE_02\r\n", b"OK\r\n0\r\n"),
    ("lauda", {}, b"STOP\r\nIN_MODE_02\r\n", b"OK\r\n1\r\n"),
    ("lauda", {}, b"STATUS\r\nSTAT\r\n", b"0\r\n0000000\r\n"),
    ("lauda", {}, b"FOO\r\n", b"ERR_3\r\n"),
    ("lauda", {}, b"OUT_SP_00_999\r\n", b"ERR_6\r\n"),
    ("lauda", {"address": 15}, b"A015_IN_PV_00\r\n", b"A015_023.75\r\n"),
    ("ssi-nextgen-pump", {}, b"RU\r", b"OK/"),
    ("ssi-nextgen-pump", {}, b"ru\r\n", b"OK/"),
    ("ssi-nextgen-pump", {"digits": "x.xx"}, b"FL150\rCC\r", b"OK/OK,18,1.50/"),
    ("ssi-nextgen-pump", {}, b"RF\r", b"OK,0,0,0/"),
    ("ssi-nextgen-pump", {}, b"UP0900\r", b"OK/"),
    ("ssi-nextgen-pump", {}, b"XX\r#\rRU\r", b"Er/OK/"),
]
WATLOW = [
    ("01 03 01 68 00 02 44 2B", "01 03 04 80 00 42 95 23 3C"),
    ("01 10 08 70 00 02 04 00 00 42 96 23 85", "01 10 08 70 00 02 42 73"),
    ("01 03 FF 00 00 02 F4 1F", "01 83 02 C0 F1"),
]


def session(name, options, said, clock=lambda: 0.0):
    part = Part()
    sim = shipped(name)("i", options, Ports(heater=part, pump=part), clock)
    sim.state.timers = False
    return sim, sim.session(said.append, "serial")


@pytest.mark.parametrize(("name", "options", "request_", "reply"), FRAMES, ids=str)
def test_it_answers_as_its_sheet_prints(name, options, request_, reply):
    said = []
    _, host = session(name, options, said)
    host.receive(request_)
    assert b"".join(said) == reply


@pytest.mark.parametrize(("request_", "reply"), WATLOW)
def test_watlow_answers_as_its_sheet_prints(request_, reply):
    said = []
    _, host = session("watlow-ez-zone", {}, said)
    host.receive(bytes.fromhex(request_))
    assert b"".join(said).hex(" ").upper() == reply


def test_requests_in_single_bytes_are_the_same_and_half_of_one_is_forgotten():
    said, now = [], [0.0]
    _, host = session("ssi-nextgen-pump", {}, said, lambda: now[0])
    for k in range(3):
        host.receive(b"RU\r"[k : k + 1])
    assert said == [b"OK/"]
    host.receive(b"S")
    now[0] = 2.0  # manual: an incomplete command is dropped after 1 s
    host.receive(b"T\r")
    assert said == [b"OK/", b"Er/"]
    host.close()


def test_after_a_power_cut_it_is_as_it_starts():
    said = []
    sim, host = session("julabo", {}, said)
    host.receive(b"out_mode_05 1\r")
    assert sim.state.values["running"] is True
    sim.state.restart()
    assert sim.state.values["running"] is False


def test_its_role_is_known_before_it_is_made():
    assert shipped("julabo").role_for({}) == "heater"
    assert shipped("ssi-nextgen-pump").role_for({}) == "pump"
