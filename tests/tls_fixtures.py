"""Certificates that are made for a test."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate for 127.0.0.1 that is its own authority."""

    certificate: Path
    context: ssl.SSLContext


def make_identity(folder: Path) -> Identity:
    """Make a key and its certificate in a folder; skips where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, certificate = folder / "key", folder / "certificate"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", *files, *names]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Identity(certificate, context)
