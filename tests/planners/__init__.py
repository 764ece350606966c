"""Tests of the planners: pure functions, checked with any valid problem and history."""
