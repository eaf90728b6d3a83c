"""`python -m bench.drive`: how soon a complete file is pushed from a drive of yours."""

import argparse
import statistics
import uuid
from pathlib import Path

from bench.contestants import Service
from bench.figures.latency import delays
from bench.world import World


def main() -> None:
    """Drop files into an empty folder, and print how long each waited: as shipped, and at once."""
    parser = argparse.ArgumentParser(prog="bench.drive", description=__doc__)
    parser.add_argument("--inbox", type=Path, required=True, help="an empty folder on the drive")
    parser.add_argument("--drop-in", type=Path, help="the same folder, as its server sees it")
    parser.add_argument("--drops", type=int, default=20, help="how many files are timed")
    said = parser.parse_args()
    for quiet in ("auto", "0s"):
        found = _delays(said.inbox, said.drop_in or said.inbox, said.drops, quiet)
        middle, longest = statistics.median(found), max(found)
        print(f"quiet: {quiet}: median {middle:.2f} s, longest {longest:.2f} s")


def _delays(inbox: Path, drop_in: Path, drops: int, quiet: str) -> list[float]:
    route = {"quiet": quiet, "configuration_id": str(uuid.uuid4())}
    with World(0) as world:
        world.inboxes.append(inbox.absolute())
        with Service(world, route=route):
            return delays(world, drop_in, drops)


if __name__ == "__main__":
    main()
