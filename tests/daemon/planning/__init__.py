"""Tests of the planner worker: a real process, killed for real."""
