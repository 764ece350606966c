"""Tests of daemon.safety."""
