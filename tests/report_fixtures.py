"""Files of which rows are left out, and how their imports were asked after."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rig_fixtures import Rig, rig, route

from pigment_watcher.model import DetailedReport
from pigment_watcher.simulator import Simulator

SKIPS = "month,account,amount\n2026-09,4000,1\n2026-09,6777 SIMULATE-SKIP,2\n"
_REPORT = "/status?includedDetailedReport=true"


def at(
    pigment: Simulator, folder: Path, wanted: DetailedReport = DetailedReport.AUTO, **rules: Any
) -> AbstractContextManager[Rig]:
    """Lend a rig whose files go there."""
    return rig(folder, route(folder / "in", **rules), url=pigment.url, reports=wanted)


def asked(pigment: Simulator) -> list[str]:
    """Return how imports were asked after, in order; probes are left out."""
    kinds = {"/api/v1/": "v1", "/api/imp": "article"}
    return [
        "report" if call.path.endswith(_REPORT) else kinds[call.path[:8]]
        for call in pigment.calls()
        if call.method == "GET" and "/00000000-" not in call.path
    ]


def report_text(one: Rig, place: str, name: str = "a.csv") -> str:
    """Return what stands in the report beside a file."""
    return (one.inbox / place / f"{name}.report.txt").read_text("utf-8-sig")
