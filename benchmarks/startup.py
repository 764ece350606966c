"""Start of the program: ``--help`` beside bare Python, time until ready, memory.

python -m benchmarks.startup [--runs N] [--settle SECONDS]
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

CONFIG = Path(__file__).parents[1] / "config" / "flow.toml"
TAYLORD = str(Path(sys.executable).with_name("taylord"))
# rich comes with the test tools only, and structlog loads it when it finds it
AS_INSTALLED = (
    "import sys; sys.modules['rich'] = None; from daemon.cli import main; sys.exit(main())"
)
IMPORTS = "import daemon.app.serve, daemon.cli.campaigns, daemon.settings.load, daemon.api.server"


def seconds(command):
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def ratio(command, floor, runs):
    """Return medians of both, interleaved, and the median of the ratios pair by pair."""
    pairs = [(seconds(command), seconds(floor)) for _ in range(runs + 1)][1:]
    return {
        "s": statistics.median(a for a, _ in pairs),
        "floor_s": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
    }


@contextmanager
def instruments(folder):
    """Serve the simulated instruments in a process of their own; give the file that names them."""
    text = re.sub(r"\[mqtt\]\nhost = .*\n", "", CONFIG.read_text())
    config, endpoints = Path(folder) / "rig.toml", Path(folder) / "endpoints.json"
    config.write_text(text)
    command = [TAYLORD, "simulate", str(config), "--endpoints", str(endpoints)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not endpoints.exists():
            time.sleep(0.05)
        places = json.loads(endpoints.read_text())["instruments"]
        for name, place in places.items():
            port = place["port"] if place["kind"] == "pty" else f"socket://{place['port']}"
            text = re.sub(rf'(\[instruments\.{name}\]\n.*\nport = )"[^"]*"', rf'\1"{port}"', text)
        config.write_text(text)
        yield config
    finally:
        process.terminate()
        process.wait(60)


def daemon(folder, config, settle_s):
    """Start the daemon on those instruments; return s until READY=1 and its memory later, MiB."""
    path = str(Path(folder) / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(60)
        started = time.perf_counter()
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                AS_INSTALLED,
                "run",
                str(config),
                "--data",
                str(Path(folder) / "data"),
            ],
            env=os.environ | {"NOTIFY_SOCKET": path},
            stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in listener.recv(4096):
                pass
            ready_s = time.perf_counter() - started
            time.sleep(settle_s)
            status = Path(f"/proc/{process.pid}/status").read_text()
        finally:
            process.terminate()
            process.wait(60)
    return ready_s, int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument(
        "--settle", type=float, default=10.0, help="s until its memory is looked at"
    )
    arguments = parser.parse_args()
    bare = [sys.executable, "-I", "-c", "pass"]
    with tempfile.TemporaryDirectory() as folder, instruments(folder) as config:
        ready_s, rss_mib = daemon(folder, config, arguments.settle)
    imports_s = statistics.median(seconds([sys.executable, "-c", IMPORTS]) for _ in range(3))
    report = {
        "help": ratio([TAYLORD, "--help"], bare, arguments.runs) | {"target": 4.0},
        "ready": {
            "s": ready_s,
            "imports_s": imports_s,
            "after_imports_s": ready_s - imports_s,
            "target_s": 1.0,
        },
        "memory_without_planner_worker": {"rss_mib": rss_mib, "target_mib": 70.0},
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
