"""What an instrument says of itself: its own faults as alarms, and whether it is ready."""

from daemon.rig.parts import is_flow_controller, is_pump, is_thermostat, is_valve
from daemon.safety.alarms import Alarms
from drivers.errors import CommandRejected, DeviceFault, InstrumentError, NotReady
from drivers.roles import Instrument

ACTING = (is_pump, is_thermostat, is_valve, is_flow_controller)


class SelfCheck:
    """Asks one instrument for its faults; raises and clears the alarm of that.

    It is ready once it has found nothing wrong since it was connected. Later faults leave it ready,
    but for one that says that a person must make it ready anew.
    """

    def __init__(self, instrument: Instrument, alarms: Alarms) -> None:
        self._instrument, self._alarms = instrument, alarms
        self._alarm = f"{instrument.name} fault"
        self.unready = ""  # why no experiment may start with it

    async def first(self) -> None:
        """Ask after connecting; raise InstrumentError only where it does not answer."""
        self.unready = ""
        try:
            await self.again()
        except (DeviceFault, CommandRejected) as error:
            self.unready = error.what

    async def again(self) -> None:
        """Ask; raise what it says, or that it does not answer."""
        try:
            await self._instrument.check()
        except InstrumentError as error:
            self.note(error)
            raise
        self._alarms.returned(self._alarm)
        self.unready = ""

    def note(self, error: InstrumentError) -> None:
        """Raise the alarm of a fault that the instrument has told, whatever it was asked."""
        if isinstance(error, NotReady):
            self.unready = error.what
        if isinstance(error, DeviceFault):
            # an experiment goes wrong without its pump or bath; an analyser can be waited for
            acts = any(fills(self._instrument) for fills in ACTING)
            action = "hold" if acts else "warn"
            self._alarms.raise_(self._alarm, str(error), latching=False, action=action)
