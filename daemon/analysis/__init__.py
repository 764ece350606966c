"""Raw data to responses."""
