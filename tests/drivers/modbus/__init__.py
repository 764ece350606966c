"""Tests of the Modbus base and its drivers."""
