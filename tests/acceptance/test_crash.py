"""kill -9 at any moment, and a restart: every file goes on where it was, none is pushed twice."""

import hashlib
import math
import os
import random
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from acceptance_fixtures import ROWS, ServiceProcess, command, eventually, write_config

from pigment_watcher.simulator import Fault, Simulator


def put(inbox: Path, name: str, text: str = ROWS) -> None:
    part = inbox.parent / f".{name}.part"
    part.write_text(text)
    part.rename(inbox / name)


def test_an_import_in_progress_is_polled_by_its_stored_id_and_never_pushed_again(
    tmp_path: Path,
) -> None:
    """Behaviour T1."""
    with Simulator(import_s=math.inf) as pigment:
        config = write_config(tmp_path, pigment)
        put(tmp_path / "sales", "a.csv")
        with ServiceProcess(config) as service:
            service.wait_for("job.pushed")
        (started,) = pigment.imports()
        pigment.finish(started.id)
        with ServiceProcess(config) as service:
            line = service.wait_for("job.finished")
        assert (line["outcome"], line["import_id"]) == ("imported", started.id)
        assert len(pigment.pushes()) == 1


@pytest.mark.parametrize("load_mode", [None, "append"])
def test_a_push_whose_answer_was_lost_by_the_crash_is_unsure_and_not_repeated(
    tmp_path: Path, load_mode: str | None
) -> None:
    """Behaviours T1, T22."""
    with Simulator(import_s=0.1) as pigment:
        pigment.script(Fault.act("hang_after_body"))
        config = write_config(tmp_path, pigment, routes={"sales": {"load_mode": load_mode}})
        put(tmp_path / "sales", "a.csv")
        with ServiceProcess(config) as service:
            service.wait_for("job.pushing")
        with ServiceProcess(config) as service:
            service.wait_for("job.finished", outcome="unsure")
        assert len(pigment.pushes()) == 1
        assert (tmp_path / "sales/failed/a.csv").read_text() == ROWS


def test_a_push_that_may_be_repeated_is_repeated_after_a_probe(tmp_path: Path) -> None:
    with Simulator(import_s=0.1) as pigment:
        pigment.script(Fault.act("hang_after_body"))
        config = write_config(tmp_path, pigment, routes={"sales": {"load_mode": "update"}})
        put(tmp_path / "sales", "a.csv")
        with ServiceProcess(config) as service:
            service.wait_for("job.pushing")
        with ServiceProcess(config) as service:
            service.wait_for("job.finished", outcome="imported")
        methods = [call.method for call in pigment.calls() if call.status is not None]
        assert methods[0] == "GET"  # the probe
        assert methods.count("POST") == 1


def test_what_was_only_claimed_goes_on_and_is_pushed_once(tmp_path: Path) -> None:
    with Simulator(import_s=math.inf) as pigment:
        config = write_config(tmp_path, pigment)
        for number in range(3):
            put(tmp_path / "sales", f"{number}.csv", ROWS + str(number))
        with ServiceProcess(config) as service:
            service.wait_for("job.claimed", file="2.csv")
            service.wait_for("job.pushed")
        with ServiceProcess(config) as service:
            for count in range(1, 4):
                eventually(partial(_has_imports, pigment, count))
                pigment.finish(pigment.imports()[-1].id)
            eventually(lambda: len(service.events("job.finished", outcome="imported")) == 3)
        assert len(pigment.pushes()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_moments_lose_nothing_and_double_nothing(tmp_path: Path, seed: int) -> None:
    """Behaviour T1."""
    chance = random.Random(seed)
    with Simulator(import_s=0.2) as pigment:
        config = write_config(
            tmp_path, pigment, routes={"append": {}, "update": {"load_mode": "update"}}
        )
        texts: dict[str, str] = {}
        for life in range(6):
            for route in ("append", "update"):
                for number in range(3):
                    name = f"{life}{number}.csv"
                    texts[f"{route}/{name}"] = f"{ROWS}{route},{name},1\n"
                    put(tmp_path / route, name, texts[f"{route}/{name}"])
            with ServiceProcess(config) as service:
                service.wait_for("service.started")
                eventually(lambda: len(service.lines) >= chance.randrange(2, 40), timeout_s=5)
        assert command("run", "--once", "--config", config, timeout_s=60).returncode in {0, 1}
        _check_each_file(tmp_path, texts, pigment)


def _has_imports(pigment: Simulator, count: int) -> bool:
    return len(pigment.imports()) == count


def _check_each_file(tmp_path: Path, texts: dict[str, str], pigment: Simulator) -> None:
    """Each file is in exactly one place, and done means imported with these very bytes."""
    taken = Counter(push.sha256 for push in pigment.pushes() if push.status == 200)
    for path, text in texts.items():
        route, name = os.path.split(path)
        places = [found for found in (tmp_path / route).rglob(name) if found.is_file()]
        assert [place.read_text() for place in places] == [text]
        sent = taken[_sha256(text)]
        if route == "append":
            assert sent <= 1
        if places[0].parent.name == "done":
            assert sent >= 1


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
