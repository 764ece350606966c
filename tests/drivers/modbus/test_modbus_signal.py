"""Rows of the table: numbers in registers, and what is no number."""

from math import inf, nan
from struct import pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus_signal import ModbusSignal
from drivers.table import BadValue

INTEGERS = {
    "int16": (-(2**15) + 1, 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
}


@given(st.sampled_from(sorted(INTEGERS)), st.sampled_from(["high", "low"]), st.data())
def test_every_integer_comes_back_from_its_registers(form, order, data):
    row = ModbusSignal(0, form, kind=int, word_order=order)
    value = data.draw(st.integers(*INTEGERS[form]))
    registers = row.encode(value)
    assert len(registers) == row.count
    assert row.decode(registers) == value


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from(["high", "low"]))
def test_every_float_comes_back_from_its_registers(value, order):
    row = ModbusSignal(0, "float32", word_order=order)
    assert row.decode(row.encode(value)) == value


@given(st.integers(-32767, 32767), st.integers(0, 4))
def test_scaled_numbers_are_the_nearest_float_to_the_decimal(counts, decimals):
    row = ModbusSignal(0, divisor=None)
    value = row.decode((counts & 0xFFFF,), 10.0**decimals)
    assert value == float(f"{counts}e-{decimals}")
    assert row.encode(value, 10.0**decimals) == (counts & 0xFFFF,)


def test_words_are_in_the_order_the_sheets_print():
    assert ModbusSignal(0, "float32").decode((0x41C8, 0x3D71)) == unpack(">f", pack(">f", 25.03))[0]
    assert ModbusSignal(0, "float32", word_order="low").decode((0x0000, 0x4291)) == 72.5


@pytest.mark.parametrize(
    ("row", "registers", "reason"),
    [
        (ModbusSignal(0), (0x8000,), "sentinel"),
        (ModbusSignal(0, "uint16", sentinels=(0xFFFF,)), (0xFFFF,), "sentinel"),
        (ModbusSignal(0, "float32"), (0x7FC0, 0), "nan"),
        (ModbusSignal(0, "float32"), (0x7F80, 0), "range"),
        (ModbusSignal(0, "float32"), (0xFF80, 0), "range"),
        (ModbusSignal(0, values={0: True, 1: False}, kind=bool), (7,), "sentinel"),
    ],
)
def test_registers_without_a_value_never_become_one(row, registers, reason):
    with pytest.raises(BadValue) as bad:
        row.decode(registers)
    assert bad.value.reason == reason


def test_8000h_is_a_number_where_the_row_says_so():
    assert ModbusSignal(0, sentinels=()).decode((0x8000,)) == -32768
    assert ModbusSignal(0, "uint16").decode((0x8000,)) == 32768


def test_a_bit_of_a_word_is_a_truth_value():
    row = ModbusSignal(75, "uint16", kind=bool, bit=5)
    assert row.decode((0x20,)) is True
    assert row.decode((0xFFDF,)) is False


def test_an_enumeration_reads_and_writes_its_meanings():
    row = ModbusSignal(199, kind=bool, values={0: True, 1: False, 2: False})
    assert [row.decode((n,)) for n in (0, 1, 2)] == [True, False, False]
    assert (row.encode(True), row.encode(False)) == ((0,), (1,))


@pytest.mark.parametrize(
    ("row", "value", "why"),
    [
        (ModbusSignal(0), 40000, "does not fit int16"),
        (ModbusSignal(0), -32768, "no value"),
        (ModbusSignal(0), "warm", "must be a number"),
        (ModbusSignal(0), inf, "does not fit"),
        (ModbusSignal(0, "uint16"), -1, "does not fit uint16"),
        (ModbusSignal(0, "float32"), 1e300, "does not fit float32"),
        (ModbusSignal(0, values={0: "auto", 1: "manual"}, kind=str), "off", "auto, manual"),
    ],
)
def test_a_value_that_no_register_holds_is_refused(row, value, why):
    with pytest.raises(ValueError, match=why):
        row.encode(value)


def test_nan_is_no_integer():
    with pytest.raises(ValueError, match="NaN"):
        ModbusSignal(0).encode(nan)


def test_the_length_of_a_value_chooses_its_write_function():
    assert ModbusSignal(0).writes_by == 6
    assert ModbusSignal(0, "float32").writes_by == 16
    assert ModbusSignal(0, write_function=16).writes_by == 16
