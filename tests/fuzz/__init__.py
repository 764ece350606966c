"""Any bytes into every parser: a value of its kind, nothing, or a named fault, and no more."""
