"""Each driver at the wire, against its simulator and the manual's frames."""
