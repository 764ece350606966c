"""What to look at when an instrument does not answer as it should, in the order of likelihood."""

from daemon.settings.models import InstrumentSettings
from drivers.errors import GarbledReply, InstrumentError, LinkLost, NoReply, WrongInstrument
from drivers.transport import NETWORK


def advice(settings: InstrumentSettings, error: InstrumentError | None) -> str:
    """Return what to check after a fault (None: no answer in time); one line."""
    port, on_network = settings.port, settings.port.startswith(NETWORK)
    if isinstance(error, LinkLost):
        if on_network:
            return "check power, network cable and address; only one program at a time may connect"
        return "`taylord scan --list` names the ports of this machine, and whose they are by id"
    if isinstance(error, WrongInstrument):
        return f"another instrument is on {port}: `taylord scan --port {port}` says which"
    noise = isinstance(error, GarbledReply) or (isinstance(error, NoReply) and bool(error.heard))
    if noise:
        return (
            f"something answers: check baud_rate, parity, driver and address;"
            f" `taylord scan --port {port}` tries the usual ones, `taylord wire` shows the bytes"
        )
    where = "" if settings.address is None else f", its address ({settings.address})"
    if on_network:
        return f"check that it is on and set to remote control by network{where}"
    return (
        f"check that it is on, its cable (crossed or straight), that it is set to this interface"
        f"{where} and the baud rate; `taylord scan --port {port}` tries the usual rates"
    )
