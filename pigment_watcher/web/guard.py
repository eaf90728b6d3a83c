"""Who may see the page."""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from werkzeug.datastructures import Authorization

from pigment_watcher.config.scalars import is_loopback

#: Nothing is fetched from elsewhere, nothing is written into the page by anybody else, and no
#: other page can show this one within itself.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self';"
    " img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def is_meant(listens_on: str, asked_for: str) -> bool:
    """Return whether a request was meant for this page, by the host that it asked for.

    A page in a browser on this machine could else reach it under a name of its own (DNS rebinding).
    """
    if not is_loopback(listens_on):
        return True  # there the token keeps others out
    return is_loopback(urlsplit(f"//{asked_for}").hostname or "")


def knows(token: str | None, said: Authorization | None) -> bool:
    """Return whether a request holds the token: as Bearer, or as the password of any user."""
    if token is None:
        return True
    if said is None:
        return False
    given = (said.token if said.type == "bearer" else said.password) or ""
    return hmac.compare_digest(given.encode(), token.encode())
