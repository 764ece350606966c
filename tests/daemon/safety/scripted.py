"""Readings as tests write them."""

from drivers.signal import Quality, Reading


def good(signal, value, t, unit="bar"):
    return Reading(signal, value, unit, t)


def bad(signal, t, reason="timeout", unit="bar"):
    return Reading(signal, None, unit, t, Quality.BAD, reason)
