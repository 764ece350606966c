"""``taylord scan``: what answers on which port."""

import argparse
import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from daemon.cli.output import print_json, tell
from daemon.errors import ConfigError

if TYPE_CHECKING:
    from daemon.finding.scan import Asked, Find, Plan
    from drivers.transport.ports import SerialPort

MAX_UNIT = 247


def scan(arguments: argparse.Namespace) -> int:
    """List the ports and the instruments recognised on them."""
    from drivers.transport.ports import serial_ports

    known = serial_ports()
    ports = _ports(arguments.port) or [port.name for port in known]
    if arguments.list:
        asked = None
    else:
        from daemon.finding.scan import scan as look

        plan = _plan(arguments)
        asked = asyncio.run(look(ports, plan))
    documents = _documents(ports, known, asked)
    if arguments.json:
        print_json({"ports": documents})
    else:
        _show(documents)
    named_in_vain = arguments.port and any(d["state"] in {"busy", "failed"} for d in documents)
    return 3 if named_in_vain else 0


def _ports(given: list[str]) -> list[str]:
    """Return the ports named, each once; raise ConfigError for what cannot be one."""
    from drivers.transport import NETWORK

    faults: list[str] = []
    for port in given:
        scheme, mark, rest = port.partition("://")
        if mark and not port.startswith(NETWORK):
            allowed = f"{', '.join(NETWORK[:-1])} and {NETWORK[-1]}HOST:PORT"
            faults.append(
                f"--port {port}: {scheme}:// is not known, allowed are a device, {allowed}"
            )
        elif mark and not rest.rpartition(":")[2].isdecimal():
            faults.append(f"--port {port}: must be {scheme}://HOST:PORT")
    if faults:
        raise ConfigError(faults)
    return list(dict.fromkeys(given))


def _plan(arguments: argparse.Namespace) -> "Plan":
    from daemon.finding.candidates import candidates, without_questions
    from daemon.finding.scan import Plan

    if arguments.units and not arguments.modbus:
        raise ConfigError(["--units: says which Modbus units to look for, and needs --modbus"])
    chosen, faults = candidates(_drivers(arguments.drivers) or None)
    for fault in faults:
        tell(f"taylord: {fault}")
    units = _units(arguments.units or "1-16") if arguments.modbus else ()
    return Plan(
        chosen,
        units,
        tell=tell,
        never_asked=() if arguments.drivers else without_questions(chosen),
    )


def _drivers(given: list[str]) -> list[str]:
    """Return the drivers named, each once; raise ConfigError for what is none."""
    from daemon import plugins
    from daemon.settings.wording import nearest

    known = plugins.names("taylord.drivers")
    faults = [
        f"--drivers: no driver is called {name!r}{nearest(name, known)}"
        for name in given
        if name not in known
    ]
    if faults:
        raise ConfigError(faults)
    return list(dict.fromkeys(given))


def _units(given: str) -> range:
    low, _, high = given.partition("-")
    if low.isdecimal() and (high or low).isdecimal():
        units = range(int(low), int(high or low) + 1)
        if units and units[0] >= 1 and units[-1] <= MAX_UNIT:
            return units
    raise ConfigError([f"--units: must be A-B between 1 and {MAX_UNIT}, got {given!r}"])


def _documents(
    ports: list[str], known: "list[SerialPort]", asked: "list[Asked] | None"
) -> list[dict[str, Any]]:
    names: Counter[str] = Counter()
    by_name = {port.name: port for port in known} | {port.device: port for port in known}
    documents: list[dict[str, Any]] = []
    for index, name in enumerate(ports):
        port = by_name.get(name)
        document: dict[str, Any] = {
            "port": port.name if port else name,
            "device": port.device if port else None,
            "description": port.description if port else "",
        }
        outcome = asked[index] if asked is not None else None
        documents.append(document | _outcome(outcome, document["port"], names))
    return documents


def _outcome(asked: "Asked | None", port: str, names: "Counter[str]") -> dict[str, Any]:
    if asked is None:
        return {"state": "not asked", "message": "", "heard": "", "instruments": []}
    return {
        "state": asked.state,
        "message": asked.message,
        "heard": asked.heard.hex(" "),
        "instruments": [_instrument(find, port, names) for find in asked.finds],
    }


def _instrument(find: "Find", port: str, names: "Counter[str]") -> dict[str, Any]:
    from daemon import plugins
    from daemon.finding.section import section

    sections: dict[str, str] = {}
    for driver in find.drivers:
        names[driver] += 1
        name = driver if names[driver] == 1 else f"{driver}-{names[driver]}"
        cls = plugins.load("taylord.drivers", driver)
        sections[driver] = section(name, driver, cls, port, find.options, find.identity)
    return {
        "drivers": list(find.drivers),
        "identity": find.identity,
        "address": find.address,
        "line": str(find.setting) if find.setting else None,
        "options": find.options,
        "sections": sections,
    }


def _show(documents: list[dict[str, Any]]) -> None:
    if not documents:
        print("no serial ports on this machine (network ports are named with --port)")
    for document in documents:
        device, about = document["device"], document["description"]
        also = ", ".join(x for x in (device if device != document["port"] else "", about) if x)
        print(document["port"] + (f" ({also})" if also else "") + _said(document))
        for found in document["instruments"]:
            print()
            if len(found["drivers"]) > 1:
                print(f"# one of {', '.join(found['drivers'])}: their answers are alike")
            print("\n".join(found["sections"].values()) or f"# {found['identity']}")


def _said(document: dict[str, Any]) -> str:
    found = [
        ", ".join(
            str(part)
            for part in (
                i["identity"],
                None if i["address"] is None else f"address {i['address']}",
                i["line"],
            )
            if part
        )
        for i in document["instruments"]
    ]
    said = "; ".join(found) or document["message"]
    return f": {said}" if said else ""
