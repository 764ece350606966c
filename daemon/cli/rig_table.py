"""The commands that run a rig, and find, ask and command its instruments, as rows of the table."""

from daemon import DATA_ROOT
from daemon.cli.command import (
    BROKER,
    CONFIG,
    DATA,
    JSON,
    RESET_TRIP,
    SEED,
    SIMULATE,
    SPEED,
    TIMEOUT,
    TRACE,
    Command,
    arg,
    seconds,
)

OF_A_DAEMON = (
    CONFIG,
    RESET_TRIP,
    SIMULATE,
    SPEED,
    DATA,
    TRACE,
    arg("--once", action="store_true", help="end with the campaign"),
)
RIG = (
    Command(
        "demo",
        "run a whole campaign on the built-in simulated rig, in virtual time",
        "campaigns:demo",
        (
            arg("--rig", choices=["flow"], default="flow", help="which built-in rig"),
            arg("--experiments", type=int, metavar="N", help="how many experiments (default: 40)"),
            SEED,
            DATA,
            JSON,
        ),
        plans=True,
    ),
    Command(
        "run",
        "run the daemon on a rig",
        "campaigns:run",
        (*OF_A_DAEMON, SEED, JSON),
        plans=True,
    ),
    Command(
        "resume",
        "continue an interrupted campaign",
        "campaigns:resume",
        (*OF_A_DAEMON, JSON),
        plans=True,
    ),
    Command(
        "experiment",
        "one experiment at given conditions",
        "campaigns:experiment",
        (
            CONFIG,
            arg(
                "--set",
                action="append",
                default=[],
                metavar="NAME=VALUE",
                dest="conditions",
                help="a condition; repeat",
            ),
            RESET_TRIP,
            SIMULATE,
            SPEED,
            DATA,
            TRACE,
            SEED,
            JSON,
        ),
    ),
    Command(
        "simulate",
        "serve only the simulated instruments, in real time, until SIGTERM",
        "rigs:simulate",
        (CONFIG, arg("--endpoints", metavar="FILE", help="write the endpoints here as JSON"), SEED),
    ),
    Command(
        "check",
        "list every fault of a configuration, and how good its soft sensors are",
        "rigs:check",
        (
            CONFIG,
            arg(
                "--connect",
                action="store_true",
                help="also ask each instrument who it is; moves nothing",
            ),
            TRACE,
            JSON,
        ),
    ),
    Command(
        "scan",
        "list ports, and the instruments that answer harmless questions on them",
        "finding:scan",
        (
            arg(
                "--port",
                nargs="+",
                action="extend",
                default=[],
                metavar="PORT",
                help="a device, or socket://HOST:PORT, modbus-tcp://HOST:PORT"
                " (default: all serial ports of this machine)",
            ),
            arg(
                "--drivers",
                nargs="+",
                action="extend",
                default=[],
                metavar="NAME",
                help="ask for instruments of these drivers only: quicker (default: all)",
            ),
            arg("--modbus", action="store_true", help="also look for Modbus units, by reads alone"),
            arg("--units", metavar="A-B", help="which Modbus units (default: 1-16)"),
            arg("--list", action="store_true", help="only list the ports; nothing is opened"),
            JSON,
        ),
    ),
    Command(
        "wire",
        "an interactive console on an instrument's line: send, see bytes, see what they mean",
        "wire:wire",
        (
            CONFIG,
            arg("instrument", metavar="INSTRUMENT", help="its name in the configuration"),
            arg(
                "--allow-writes",
                action="store_true",
                help="also send what is no known query: it may set or move something, past all"
                " limits and interlocks",
            ),
            SIMULATE,
            TRACE,
            JSON,
        ),
    ),
    Command(
        "replay",
        "run a recording as a test of the drivers; ends with 3 at a difference",
        "replaying:replay",
        (arg("trace", metavar="TRACE", help="a file that --trace has written"), JSON),
    ),
    Command(
        "safe",
        "drive everything to its safe state, now",
        "rigs:safe",
        (
            CONFIG,
            arg("--within", type=seconds, default=25.0, metavar="S", help="try for so long"),
            arg("--data", metavar="DIR", help="also what the daemon that died had, by its record"),
            JSON,
        ),
    ),
    Command(
        "status",
        "state of a rig from its data directory",
        "rigs:status",
        (arg("--data", metavar="DIR", default=DATA_ROOT, help="data directory"), JSON),
    ),
    Command(
        "send",
        "one MQTT command to a running daemon, and its reply",
        "rigs:send",
        (
            arg("rig", metavar="RIG"),
            arg("verb", metavar="VERB", help="ping, get, set, campaign.hold, trip, …"),
            arg(
                "payload",
                metavar="JSON",
                nargs="?",
                default="{}",
                help="arguments as a JSON object",
            ),
            BROKER,
            TIMEOUT,
        ),
    ),
)
