"""Campaigns: experiments chosen by a planner, one after another, through the night."""
