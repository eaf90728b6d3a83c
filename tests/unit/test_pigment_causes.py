"""The one sentence in a pile of wrapped errors."""

import ssl

import requests
import urllib3

from pigment_watcher.pigment import causes


def wrapped(error: Exception) -> Exception:
    """Wrap an error as requests and urllib3 do."""
    reason = urllib3.exceptions.ProtocolError("Connection aborted.", error)
    pool = urllib3.HTTPConnectionPool("pigment.invalid")
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", reason))


def test_the_root_is_found_below_arguments_reasons_and_causes() -> None:
    root = ConnectionRefusedError(111, "Connection refused")
    error = OSError("outer")
    error.__cause__ = root

    assert causes.root(wrapped(error)) is root


def test_what_the_caller_was_handling_is_no_cause() -> None:
    error = TimeoutError("timed out")
    error.__context__ = LookupError("the caller's own")

    assert causes.text(wrapped(error)) == "timed out"


def test_an_errno_is_told_in_words_only() -> None:
    assert causes.text(wrapped(ConnectionRefusedError(111, "Connection refused"))) == (
        "Connection refused"
    )


def test_an_error_without_words_is_told_by_its_name() -> None:
    assert causes.text(wrapped(EOFError())) == "EOFError"


def test_a_certificate_that_is_not_trusted_is_told_with_the_remedy() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"

    text = causes.text(wrapped(error))

    assert "not trusted (self-signed certificate)" in text
    assert "ca_bundle" in text
