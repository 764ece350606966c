"""Tests of the MQTT link and the instruments on it."""
