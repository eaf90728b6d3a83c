"""Kills in this process: at a chosen write point all stops, and only the disk remembers."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pigment_watcher.files import moves
from pigment_watcher.journal.database import Database
from pigment_watcher.pigment import Client
from pigment_watcher.pigment.body import Body

#: What changes the disk or speaks to the destination; before and after each is a write point.
DEEDS: tuple[tuple[Any, str], ...] = (
    (Database, "_commit"),
    (moves, "rename"),
    (shutil, "copyfileobj"),
    (os, "link"),
    (os, "mkdir"),
    (os, "rename"),
    (os, "replace"),
    (os, "rmdir"),
    (os, "unlink"),
    (Body, "read"),
    (Client, "push"),
    (Client, "status"),
)


class Killed(BaseException):
    """The service is killed; no handler of the product may hold it up."""


class Fuse:
    """Burns down from one write point to the next; then somebody acts, or the service is killed.

    Once it has killed, nothing is written any more: a killed program does not tidy up.
    """

    def __init__(self) -> None:
        self._left: int | None = None
        self._act: Callable[[], object] | None = None
        self._may_act: Callable[[], bool] = lambda: True
        self._has_killed = False

    def set(
        self,
        points: int,
        act: Callable[[], object] | None = None,
        *,
        may_act: Callable[[], bool] = lambda: True,
    ) -> None:
        """Let something happen after so many points, as soon as it may; a kill if nothing else."""
        self._left, self._act, self._may_act = points, act, may_act

    def clear(self) -> None:
        """Let nothing happen, and let the next one live."""
        self._left, self._has_killed = None, False

    @contextmanager
    def lit(self) -> Iterator[None]:
        """Burn while the block runs."""
        if self._left is None:
            yield
            return
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in DEEDS:
                patch.setattr(owner, name, self._around(getattr(owner, name)))
            yield

    def _around(self, deed: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **options: Any) -> Any:
            self._burn()
            result = deed(*arguments, **options)
            self._burn()
            return result

        return do

    def _burn(self) -> None:
        if self._has_killed:
            raise Killed
        if self._left is None:
            return
        self._left -= 1
        if self._left > 0 or not self._may_act():
            return
        self._left = None
        if self._act is None:
            self._has_killed = True
            raise Killed
        self._act()
