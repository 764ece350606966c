"""A rig with many makes, two of them sharing a line twice: for scans and strange clients."""

ZOO = """
name = "zoo"
[instruments.pump-0]
driver = "new-era-ne1000"
port = "/dev/ttyUSB0"
syringe = { diameter_mm = 26.6, volume_ml = 60.0 }
[instruments.pump-3]
driver = "new-era-ne1000"
port = "/dev/ttyUSB0"
address = 3
syringe = { diameter_mm = 26.6, volume_ml = 60.0 }
[instruments.azura]
driver = "knauer-azura-pump"
port = "socket://192.0.2.1:10001"
[instruments.bath]
driver = "huber-pilot-one"
port = "/dev/ttyUSB2"
[instruments.block]
driver = "eurotherm-3216"
port = "/dev/ttyUSB1"
address = 1
[instruments.gauge]
driver = "keller-x-line"
port = "/dev/ttyUSB1"
address = 2
[instruments.nmr]
driver = "magritek-spinsolve"
port = "socket://192.0.2.5:13000"
[[feeds]]
name = "substrate"
pump = "azura"
solutes = { A = 1.0 }
[[feeds]]
name = "solvent"
pump = "pump-0"
[[feeds]]
name = "quench"
pump = "pump-3"
[reactor]
volume_ml = 1.0
inner_diameter_mm = 0.8
thermostat = "block"
[chemistry]
limiting = "A"
product = "P"
[simulation]
chemistry = "consecutive"
"""
