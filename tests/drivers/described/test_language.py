"""Pictures, patterns and forms: how a file says what is printed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.described.checksums import written
from drivers.described.forms import form_of
from drivers.described.model import ChecksumPart, FieldPart
from drivers.described.pattern import pattern
from drivers.described.picture import picture
from drivers.table import BadValue
from simulators.described import texts

PRINTED = [
    ("000.00", 20.31, "020.31"),
    ("000.00", -5.2, "-005.20"),
    ("0.0#", 55.5, "55.5"),
    ("0.0#", 24.55, "24.55"),
    ("0.#", 60.0, "60"),
    ("0", 3.0, "3"),
    ("000", 7.0, "007"),
    ("0v00", 1.5, "150"),
    ("00v00", 1.5, "0150"),
    ("+0.0", 1.5, "+1.5"),
    ("+0.0", -1.5, "-1.5"),
    ("0.0", -0.01, "0.0"),
    ("XX", 10.0, "0A"),
    ("xxxx", 255.0, "00ff"),
    ("0.00E", 1234.0, "1.23E+03"),
    ("+0.0E", 5.0, "+5.0E+00"),
]


@pytest.mark.parametrize(("drawn", "number", "text"), PRINTED)
def test_a_picture_prints_a_number_in_both_readers(drawn, number, text):
    assert picture(drawn).printed(number) == text
    assert texts.printed(number, drawn) == text


@pytest.mark.parametrize(("drawn", "number", "text"), PRINTED)
def test_what_is_printed_is_read_again_in_both_readers(drawn, number, text):
    shown = picture(drawn)
    assert re.fullmatch(shown.regex(whole=False), text)
    assert shown.number(text) == pytest.approx(number, rel=0.01, abs=0.011)
    if "E" not in drawn:
        assert re.fullmatch(texts.understood(drawn), text)
        assert texts.meant(text, drawn) == shown.number(text)


@given(st.floats(-99, 99).map(lambda x: round(x, 3)), st.sampled_from(["0.000", "00.0##", "0.00#"]))
def test_three_decimals_survive(number, drawn):
    assert picture(drawn).number(picture(drawn).printed(number)) == number


@pytest.mark.parametrize(
    ("drawn", "number"),
    [("0v00", 10.0), ("000", 1000.0), ("XX", 256.0), ("XX", -1.0), ("0.0", float("nan"))],
)
def test_a_number_that_does_not_fit_is_refused(drawn, number):
    with pytest.raises(ValueError, match=r"fit|written"):
        picture(drawn).printed(number)


@pytest.mark.parametrize("drawn", ["", "1.0", "#.0", "0..0", "0v", "Xx", "0.0#0"])
def test_what_is_no_picture_is_refused(drawn):
    with pytest.raises(ValueError, match="no picture"):
        picture(drawn)


@pytest.mark.parametrize(
    ("drawn", "text", "fits"),
    [
        ("000.00", "20.3", True),  # padding and decimals may differ
        ("0.00", "+20", True),
        ("0.00", "1.2E+01", True),
        ("0.00", "20,3", False),
        ("0.00", "nan", False),
        ("0", "7", True),
        ("0", "7.5", False),
        ("0v00", "15", False),  # glued digits are counted
        ("XX", "0G", False),
    ],
)
def test_reading_is_tolerant_where_nothing_else_could_be_meant(drawn, text, fits):
    assert bool(re.fullmatch(picture(drawn).regex(whole=drawn == "0"), text)) is fits


def test_the_step_is_the_last_digit():
    assert picture("0v00").step == pytest.approx(0.01)
    assert picture("0.0#").step == pytest.approx(0.01)
    assert (picture("XX").step, picture("0.0E").step) == (1.0, 0.0)


def test_braces_are_written_twice():
    drawn = pattern("{{M{value}}}")
    assert drawn.filled({"value": "1"}) == "{M1}"
    assert drawn.head == "{M"
    assert pattern("").head == ""


@pytest.mark.parametrize("text", ["{Value}", "a}b", "{a:}", "{a}{a}", "{a b}"])
def test_a_pattern_with_a_brace_left_over_or_a_name_twice_is_refused(text):
    with pytest.raises(ValueError, match=r"brace|twice"):
        pattern(text)


@pytest.mark.parametrize(
    ("part", "text", "value"),
    [
        ({"unit": "degC", "wire_unit": "degF"}, "212", 100.0),
        ({"unit": "degC", "wire_unit": "K"}, "273.15", 0.0),
        ({"unit": "bar", "wire_unit": "psi"}, "100", 6.89475729),
        ({"unit": "mL/min", "wire_unit": "uL/min"}, "500", 0.5),
        ({"scale": 0.1, "offset": -2.0}, "50", 3.0),
        ({"type": "int"}, "7", 7),
        ({"type": "bool"}, "1", True),
        ({"type": "bool", "enum": {"ON": True, "OFF": False}}, "OFF", False),
        ({"type": "text", "enum": {"A": "load", "B": "inject"}}, "B", "inject"),
        ({"type": "text"}, "hello", "hello"),
    ],
)
def test_a_form_reads_and_writes_in_the_signals_unit(part, text, value):
    form = form_of(FieldPart.model_validate(part))
    assert form.value(text, "") == (pytest.approx(value) if isinstance(value, float) else value)
    assert form.value(form.text(value, "")[0], "") == form.text(value, "")[1]


def test_a_sentinel_is_no_value_and_other_texts_are_faults():
    form = form_of(FieldPart(unit="degC", none=["---.--", "999.9"]))
    for text in ("---.--", " 999.9"):
        with pytest.raises(BadValue):
            form.value(text, "0.0")
    with pytest.raises(ValueError, match="no number"):
        form.value("ERR", "0.0")
    with pytest.raises(ValueError, match="no finite"):
        form.value("1e999", "")
    with pytest.raises(ValueError, match="means nothing"):
        form_of(FieldPart(type="bool")).value("2", "")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ({"type": "bool"}, 2),
        ({"type": "bool", "enum": {"1": True}}, False),
        ({"type": "text", "like": "[A-Z]+"}, "abc"),
        ({"type": "text"}, "a\rb"),
    ],
)
def test_a_value_without_a_text_is_refused(part, value):
    with pytest.raises(ValueError, match="must"):
        form_of(FieldPart.model_validate(part)).text(value, "")


@pytest.mark.parametrize(
    ("unit", "wire_unit", "says"),
    [
        ("degC", "furlong", "unknown unit"),
        ("degC", "psi", "cannot be converted to 'degC', only 'bar'"),
    ],
)
def test_units_that_do_not_fit_are_refused(unit, wire_unit, says):
    with pytest.raises(ValueError, match=says):
        form_of(FieldPart(unit=unit, wire_unit=wire_unit))


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [  # published vectors: check values of the CRC catalogue, and the manuals of the sheets
        ("crc16-modbus", b"123456789", b"4B37"),
        ("crc16-xmodem", b"123456789", b"31C3"),
        ("crc16-ccitt-false", b"123456789", b"29B1"),
        ("sum8", b"123456789", b"DD"),
        ("inverse-sum8", bytes((0x00, 0xD0, 0x01, 0x01)), b"2D"),
        ("xor8", b"\x021\x301ZR\x03", b"%02X" % (0x02 ^ 0x31 ^ 0x30 ^ 0x31 ^ 0x5A ^ 0x52 ^ 0x03)),
    ],
)
def test_checksums_give_the_published_values(kind, data, text):
    assert written(ChecksumPart(kind=kind), data) == text
    assert written(ChecksumPart(kind=kind, form="hex"), data) == text.lower()
    assert written(ChecksumPart(kind=kind, form="binary"), data) == bytes.fromhex(text.decode())
    low = written(ChecksumPart(kind=kind, form="binary", order="low"), data)
    assert low == bytes.fromhex(text.decode())[::-1]
    assert int(written(ChecksumPart(kind=kind, form="decimal"), data)) == int(text, 16)
