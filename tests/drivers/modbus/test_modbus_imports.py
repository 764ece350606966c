"""What importing a driver costs: the heavy libraries wait until a line is opened."""

import subprocess
import sys

MODULES = (
    "drivers.sensors.keller, drivers.thermostats.eurotherm, drivers.analysers.mqtt,"
    " drivers.analysers.spinsolve"
)


def test_drivers_are_imported_without_the_libraries_of_their_lines():
    code = (
        f"import sys, {MODULES}\n"
        "print(*sorted({'pymodbus', 'aiomqtt', 'paho', 'serial'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""
