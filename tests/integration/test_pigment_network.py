"""The client through TLS and proxies, under an abort, and with a file that fits no memory."""

import functools
import os
import shutil
import subprocess
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from scripted_server import (
    COMPLETED,
    CONFIGURATION,
    IMPORT,
    KEY,
    LARGE,
    STARTED,
    Flag,
    Peer,
    Script,
    Serve,
    answering,
    answering_early,
    push,
    servers,
    silent,
)
from tls_fixtures import Identity, make_identity

from pigment_watcher import errors, pigment


@pytest.fixture
def serve() -> Iterator[Serve]:
    with servers() as start:
        yield start


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("tls"))


# ---------------------------------------------------------------- TLS


def test_a_push_goes_over_tls(serve: Serve, identity: Identity) -> None:
    server = serve(answering("200 OK", STARTED), tls=identity.context)

    accepted = push(server.url, bytes(300_000), ca_bundle=identity.certificate)

    assert (accepted.import_id, len(server.peers[0].body)) == (IMPORT, 300_000)


def test_an_authority_may_be_named_by_the_environment(
    serve: Serve, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(identity.certificate))
    server = serve(answering("200 OK", STARTED), tls=identity.context)

    assert push(server.url).import_id == IMPORT


def test_nobody_but_the_named_authority_is_trusted(serve: Serve, identity: Identity) -> None:
    server = serve(answering("200 OK", COMPLETED), tls=identity.context)

    with pigment.Client(server.url, ca_bundle=identity.certificate) as client:
        client.status(IMPORT, api_key=KEY)
        adapter: Any = client._adapter

    assert len(adapter._trust.get_ca_certs()) == 1


def test_an_authority_may_lie_in_a_folder(serve: Serve, identity: Identity, tmp_path: Path) -> None:
    command = ["openssl", "x509", "-noout", "-hash", "-in", str(identity.certificate)]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    shutil.copy(identity.certificate, tmp_path / f"{name}.0")
    server = serve(answering("200 OK", STARTED), tls=identity.context)

    assert push(server.url, ca_bundle=tmp_path).import_id == IMPORT


def test_a_certificate_that_is_not_trusted_gets_nothing(serve: Serve, identity: Identity) -> None:
    server = serve(answering("200 OK", STARTED), tls=identity.context)
    before = Flag()

    with pytest.raises(errors.NothingSent, match=r"not trusted.*ca_bundle"):
        push(server.url, before_body=before)

    assert (before.calls, server.peers) == (0, [])


def test_a_certificate_for_another_name_gets_nothing(serve: Serve, identity: Identity) -> None:
    server = serve(answering("200 OK", STARTED), tls=identity.context)

    with pytest.raises(errors.NothingSent, match="not trusted"):
        push(server.url.replace("127.0.0.1", "localhost"), ca_bundle=identity.certificate)


def test_a_ca_bundle_that_can_not_be_used_is_a_configuration_error(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate", encoding="utf-8")

    for path in (tmp_path / "missing.pem", garbage):
        with pytest.raises(errors.ConfigError, match=f"ca_bundle: {path}"):
            pigment.Client("https://127.0.0.1", ca_bundle=path)


@pytest.mark.parametrize("then", ["close", "hold", "linger"])
def test_an_answer_before_the_end_of_the_body_is_read_over_tls(
    serve: Serve, identity: Identity, then: str
) -> None:
    script = functools.partial(answering_early, then=then)
    server = serve(script, tls=identity.context)

    with pytest.raises(errors.ServerSaid, match="413: too large"):
        push(server.url, bytes(LARGE), ca_bundle=identity.certificate)


def test_a_dripping_server_can_not_hold_the_caller_over_tls(
    serve: Serve, identity: Identity
) -> None:
    def drip(peer: Peer) -> None:
        peer.read_request()
        while not peer.released.wait(0.05):
            peer.sock.sendall(b"H")

    server = serve(drip, tls=identity.context)
    began_at = time.monotonic()

    with pytest.raises(errors.NotKnown):
        push(server.url, answer_timeout_s=0.4, ca_bundle=identity.certificate)

    assert time.monotonic() - began_at < 3


# ---------------------------------------------------------------- proxies


def test_a_proxy_of_the_environment_is_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(answering("200 OK", STARTED))
    monkeypatch.setenv("http_proxy", proxy.url)

    push("http://pigment.invalid")

    assert proxy.peers[0].head.startswith(b"POST http://pigment.invalid/api/import/push/csv?")


def test_no_proxy_is_heeded(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serve(silent), serve(answering("200 OK", STARTED))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    push(server.url)

    assert (len(proxy.peers), len(server.peers)) == (0, 1)


def test_the_proxy_that_is_named_beats_the_environment(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, proxy = serve(silent), serve(answering("200 OK", STARTED))
    monkeypatch.setenv("http_proxy", other.url)
    monkeypatch.setenv("no_proxy", "*")

    push("http://pigment.invalid", proxy=proxy.url)

    assert (len(other.peers), len(proxy.peers)) == (0, 1)


def test_a_push_goes_through_a_proxys_tunnel(serve: Serve, identity: Identity) -> None:
    insides: list[Peer] = []

    def tunnel(peer: Peer) -> None:
        peer.read_head()
        peer.sock.sendall(b"HTTP/1.1 200 Go ahead\r\n\r\n")
        with closing(identity.context.wrap_socket(peer.sock, server_side=True)) as sock:
            insides.append(Peer(sock, peer.released))
            answering("200 OK", STARTED)(insides[0])

    proxy = serve(tunnel)
    push("https://127.0.0.1:4430", proxy=proxy.url, ca_bundle=identity.certificate)

    assert proxy.peers[0].head.startswith(b"CONNECT 127.0.0.1:4430 HTTP/1.")
    assert proxy.peers[0].header("Authorization") is None
    assert insides[0].header("Authorization") == f"Bearer {KEY}"


def test_a_proxy_that_refuses_gets_nothing_and_its_password_shows_nowhere(serve: Serve) -> None:
    def refuse(peer: Peer) -> None:
        peer.read_head()
        peer.answer("407 Proxy Authentication Required")

    proxy = serve(refuse)
    before = Flag()

    with pytest.raises(errors.NothingSent, match="407 Proxy Auth") as caught:
        push("https://127.0.0.1", proxy=f"http://me:s3cret@127.0.0.1:{proxy.port}")

    assert before.calls == 0
    assert "s3cret" not in str(caught.value)


def test_a_dripping_proxy_can_not_hold_the_caller(serve: Serve) -> None:
    def drip(peer: Peer) -> None:
        peer.read_head()
        while not peer.released.wait(0.05):
            peer.sock.sendall(b"H")

    proxy = serve(drip)
    began_at = time.monotonic()

    with pytest.raises(errors.NothingSent):
        push("https://127.0.0.1", proxy=proxy.url, connect_timeout_s=0.4)

    assert time.monotonic() - began_at < 3


@pytest.mark.parametrize("scheme", ["https", "socks5"])
def test_a_proxy_of_another_kind_is_refused_with_the_remedy(scheme: str) -> None:
    with pytest.raises(errors.NothingSent, match="correct the proxy's URL"):
        push("https://127.0.0.1", proxy=f"{scheme}://127.0.0.1:1")


# ---------------------------------------------------------------- abort


class Aborting:
    """A script that aborts the client which it is talking to, then says nothing more."""

    def __init__(self, after: Script) -> None:
        self._after = after
        self.client: pigment.Client | None = None

    def __call__(self, peer: Peer) -> None:
        self._after(peer)
        assert self.client is not None
        self.client.abort()
        peer.released.wait()


def aborted_push(serve: Serve, after: Script, *, size: int, scheme: str = "http") -> None:
    script = Aborting(after)
    url = serve(script).url.replace("http:", f"{scheme}:")
    client = script.client = pigment.Client(url, connect_timeout_s=15.0, answer_timeout_s=15.0)
    with client, Path("/dev/zero").open("rb") as file:
        client.push(file, size=size, configuration_id=CONFIGURATION, api_key=KEY)


def test_an_abort_cuts_the_wait_for_an_answer(serve: Serve) -> None:
    with pytest.raises(errors.NotKnown, match="told to stop"):
        aborted_push(serve, Peer.read_request, size=10)


def test_an_abort_cuts_a_push_that_does_not_get_on(serve: Serve) -> None:
    with pytest.raises(errors.NotKnown, match="told to stop"):
        aborted_push(serve, Peer.read_head, size=LARGE)


def test_an_abort_cuts_a_handshake(serve: Serve) -> None:
    began_at = time.monotonic()

    with pytest.raises(errors.NothingSent, match="told to stop"):
        aborted_push(serve, lambda peer: None, size=10, scheme="https")

    assert time.monotonic() - began_at < 10


def test_after_an_abort_every_call_fails_at_once(serve: Serve) -> None:
    server = serve(answering("200 OK", COMPLETED))
    with pigment.Client(server.url) as client:
        client.abort()
        with pytest.raises(errors.NothingSent, match="told to stop"):
            client.status(IMPORT, api_key=KEY)

    assert server.peers == []


# ---------------------------------------------------------------- memory


def test_memory_stays_flat_whatever_the_size_of_the_file(serve: Serve, tmp_path: Path) -> None:
    size = 300 * 1024 * 1024
    path = tmp_path / "sparse.csv"
    path.touch()
    os.truncate(path, size)

    def swallow(peer: Peer) -> None:
        peer.read_head()
        left = size - len(peer.body)
        while left:
            left -= len(peer.sock.recv(65536))
        peer.answer("200 OK", STARTED)

    server = serve(swallow)
    tracemalloc.start()
    try:
        with path.open("rb") as file, pigment.Client(server.url) as client:
            client.push(file, size=size, configuration_id=CONFIGURATION, api_key=KEY)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 * 1024 * 1024
