"""Tests of daemon.rig."""
