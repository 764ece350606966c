"""The extrapolating planner, on truths over elements."""
