"""Finds the one sentence that matters in a pile of wrapped network errors."""

import ssl


def root(error: BaseException) -> BaseException:
    """Return the error that the others were made of."""
    # requests and urllib3 carry it as an argument, as `reason` or as the cause; the context would
    # not do, because it leads on into whatever the caller was handling.
    held = (*error.args, getattr(error, "reason", None), error.__cause__)
    inner = next((one for one in held if isinstance(one, BaseException)), None)
    return error if inner is None else root(inner)


def text(error: BaseException) -> str:
    """Return what went wrong in the words of its root, with the remedy where there is one."""
    origin = root(error)
    if isinstance(origin, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({origin.verify_message}); "
            "if its authority is your own, name that in ca_bundle"
        )
    if isinstance(origin, OSError) and origin.strerror:
        return origin.strerror
    return str(origin) or type(origin).__name__
