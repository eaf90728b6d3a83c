"""What holds for every test: no setting of this machine counts, and nothing leaves it."""

import ipaddress
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from machine_fixtures import Machine, machine
from machine_installed import give, made
from torture_table import (
    pytest_collection_modifyitems,
    pytest_runtest_logreport,
    pytest_terminal_summary,
)

from pigment_watcher.simulator import Simulator

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_runtest_logreport",
    "pytest_terminal_summary",
]

# How long an example takes says how busy this machine is, and nothing of the product. The gate
# tries the same examples each time, so that it judges the change and not the dice; new ones are
# looked for by `pytest --hypothesis-profile=search`.
hypothesis.settings.register_profile("search", deadline=None, max_examples=2000)
hypothesis.settings.register_profile("gate", deadline=None, derandomize=True)
hypothesis.settings.load_profile("gate")

#: Variables that change what the product does, wherever they come from.
SETTINGS = (
    "PIGMENT_API_KEY",
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "JOURNAL_STREAM",
    "NO_COLOR",
    "NETRC",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
)


@pytest.fixture(autouse=True)
def _settings_of_the_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def pigment() -> Iterator[Simulator]:
    """Lend a stand-in for Pigment whose imports take no time."""
    with Simulator(import_s=0.0) as simulator:
        yield simulator


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    host = str(arguments[1][0])
    if not _is_loopback(host):
        raise RuntimeError(f"a test wanted to connect to {host}; tests speak to loopback only")


# An audit hook sees every socket, those of libraries included, and costs no plugin.
sys.addaudithook(_refuse_the_network)

# As the service does: a writer that opens a file in the moment when it is asked after sends this.
signal.signal(signal.SIGIO, signal.SIG_IGN)

# Tests press Ctrl-C and hang up, which whatever was started in the background would ignore.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def package() -> Path:
    """Build the Debian package of this checkout."""
    return made("deb")


@pytest.fixture(scope="session")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what lies over a clean tree once the package is installed there."""
    folder = tmp_path_factory.mktemp("installed")
    with machine(folder) as clean:
        clean.run("dpkg", "--install", give(clean, package))
    return folder / "upper"


@pytest.fixture
def server(installed: Path, tmp_path: Path) -> Iterator[Machine]:
    """Boot a machine on which the package was installed."""
    with machine(tmp_path / "server", below=installed) as booted:
        yield booted
