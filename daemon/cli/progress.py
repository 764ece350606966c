"""What a person sees of a run: a line per experiment, and a summary at the end."""

from collections.abc import Mapping
from typing import Any

from daemon.app.plan import RunPlan
from daemon.campaign.awaited import awaited_lines
from daemon.campaign.memory import COUNTED
from daemon.cli.output import tell
from daemon.settings.conditions import flat

ENDED = COUNTED | {"refused", "aborted", "interrupted"}


class Progress:
    """Prints a line on standard error for each experiment that ends."""

    def __init__(self, plan: RunPlan, *, quiet: bool) -> None:
        section = plan.settings.campaign
        self._total = 1 if plan.conditions or section is None else section.experiments
        self._quiet, self._done = quiet, 0
        self._seen: set[str] = set()

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Take one event."""
        if event["kind"] == "campaign":
            self._done = event["done"]  # a campaign that goes on has done some before
        elif event["kind"] == "experiment" and event.get("status") in ENDED:
            self._experiment(event)

    def _experiment(self, event: Mapping[str, Any]) -> None:
        if "amended_by" in event or event["id"] in self._seen:  # a late result is no experiment
            return
        self._seen.add(event["id"])
        self._done += event["status"] in COUNTED
        if self._quiet:
            return
        tell(f"{self._done:>3}/{self._total}  {experiment_line(event)}")


def experiment_line(document: Mapping[str, Any]) -> str:
    """Return one experiment on one line: id, status, conditions, responses."""
    asked = "  ".join(f"{n} {_short(v)}" for n, v in flat(document["requested"]))
    got = "  ".join(_response(n, r) for n, r in (document.get("responses") or {}).items())
    reason = f"  ({document['reason']})" if document.get("reason") else ""
    return f"{document['id']}  {document['status']:<8}  {asked}  ->  {got}{reason}"


def _response(name: str, response: Mapping[str, Any]) -> str:
    if response.get("value") is None:
        return f"{name} none"
    sd = response.get("sd")
    spread = f" +/- {_short(sd)}" if sd is not None else ""
    unit = response.get("unit") or ""
    return f"{name} {_short(response['value'])}{spread} {unit}".rstrip()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def experiment_text(document: Mapping[str, Any]) -> str:
    """Return one experiment in full: requested, commanded, achieved, responses."""
    lines = [f"{document['id']} {document['status']}  {document['reason'] or ''}".rstrip()]
    for part in ("requested", "commanded", "achieved"):
        lines.append(part)
        lines += [f"    {name:<28}{_short(value)}" for name, value in flat(document[part])]
    lines.append("responses")
    lines += [f"    {_response(n, r)}" for n, r in document["responses"].items()]
    return "\n".join(lines)


def summary(document: Mapping[str, Any]) -> str:
    """Return the end of a run in a few lines: state, best, times, where the record lies."""
    experiments = document["experiments"]
    good = sum(e["status"] == "ok" for e in experiments)
    reason = f" ({document['reason']})" if document.get("reason") else ""
    lines = [
        f"campaign {document['state']}{reason}: {len(experiments)} experiments, {good} ok",
        f"planner  {document['planner']}",
    ]
    standing = (document.get("standing") or {}).get("text", "")
    if standing:
        lines.append("best     " + standing.replace("\n", "\n         "))
    if document["best"] and not standing:
        lines.append(f"best     {experiment_line(document['best'])}")
    lines += [f"front    {experiment_line(e)}" for e in document["front"]]
    lines += [f"remark   {said}" for said in (document.get("standing") or {}).get("remarks", ())]
    if late := awaited_lines(document.get("awaited") or {}):
        how = "hand it in with `taylord result` while `taylord run` (without --once) runs"
        lines.append("awaited  " + "\n         ".join([*late, how]))
    lines += [
        f"time     {document['virtual_s'] / 3600:.1f} h on the rig's clock,"
        f" {document['wall_s']:.1f} s on yours",
        f"record   {document['data']}/taylord.sqlite"
        f" (`taylord export {document['data']} --format csv --out runs.csv`)",
    ]
    return "\n".join(lines)
