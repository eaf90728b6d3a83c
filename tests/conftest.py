"""What holds for every test: no setting of this machine counts, and nothing leaves it."""

import ipaddress
import sys
from typing import Any

import pytest

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
