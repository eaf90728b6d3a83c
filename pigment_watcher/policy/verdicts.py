"""What a person reads about an end: what happened, and what to do now, in plain words."""

from datetime import datetime

from pigment_watcher.model import Import, Outcome, Report, Verdict

LOOK_IN_PIGMENT = (
    "Open the block in Pigment and look at its Update History: each import stands there, under"
    " the name of whoever made the import configuration, and its Import Summary says what went"
    " wrong. The CSV as Pigment received it can be downloaded there."
)
DROP_AGAIN = "Correct the file and drop it into the folder again, under the same or another name."
LOOK_FIRST = (
    "Look before dropping it again: open the block in Pigment and look at its Update History at"
    " the time given below. If the import is there and Completed, nothing is left to do. If it is"
    " not there, drop the file into the folder again. Dropping it again although it was imported"
    " may load its rows twice."
)


LOOK_FOR_ROWS = (
    "Open the block in Pigment and look at its Update History: the Import Summary of this import"
    " says whether rows were left out."
)


def imported(*, is_unread: bool = False) -> Verdict:
    """Pigment said Completed; `is_unread` tells that its report could not be had."""
    said = "Pigment imported the file."
    if not is_unread:
        return Verdict(outcome=Outcome.IMPORTED, reason=said)
    return Verdict(
        outcome=Outcome.IMPORTED,
        reason=f"{said} Its report could not be read, so it is not known whether rows were left"
        " out.",
        advice=LOOK_FOR_ROWS,
    )


def imported_with_skips(report: Report, *, fails: bool, may_repeat: bool) -> Verdict:
    """Pigment said Completed, and that rows were left out."""
    again = (
        "Then drop the whole corrected file into the folder again: what is loaded already is"
        " not doubled by that."
        if may_repeat
        else "Then drop a file with the missing rows alone into the folder: the others are loaded"
        " already, and dropping the whole file again may load them twice."
    )
    counted = " This folder counts that as a failure." if fails else ""
    return Verdict(
        outcome=Outcome.IMPORTED_WITH_SKIPS,
        reason=f"Pigment imported the file and left {_rows(report.skipped)} out.{counted}",
        advice=f"Correct the causes in Pigment or in the file. {again}",
    )


def _rows(count: int | None) -> str:
    if count is None:
        return "rows"
    return f"{count:,} row" + ("" if count == 1 else "s")


def not_known_whether_whole() -> Verdict:
    """Pigment said Completed, and whether rows were left out can't be found out."""
    return Verdict(
        outcome=Outcome.UNSURE,
        reason="Pigment imported the file, and its report could not be had, so nobody knows"
        " whether every row was loaded. This folder counts left out rows as a failure.",
        advice=f"{LOOK_FOR_ROWS} If none was, nothing is left to do. Otherwise load what is"
        " missing: dropping the whole file again may load its other rows twice.",
    )


def import_failed(answer: str) -> Verdict:
    """Pigment said Failed."""
    return Verdict(
        outcome=Outcome.FAILED,
        reason="Pigment received the file, and its import failed.",
        answer=answer,
        advice=f"{LOOK_IN_PIGMENT} {DROP_AGAIN}",
    )


def refused(status: int, answer: str) -> Verdict:
    """Pigment answered the push with a final error."""
    causes = {
        400: " This is its answer to a file that is too large, or to a request it can't read.",
        403: " The key works for other requests, so a proxy or firewall disliked this file.",
        413: " The file is too large.",
    }
    return Verdict(
        outcome=Outcome.REFUSED,
        reason=f"Pigment did not take the file: it answered {status}.{causes.get(status, '')}",
        answer=answer,
        advice=f"Nothing was imported. {DROP_AGAIN} If the file looks right, show this text to"
        " the administrator of this service.",
    )


def invalid(reason: str, advice: str) -> Verdict:
    """Our own checks refused the file."""
    return Verdict(outcome=Outcome.INVALID, reason=reason, advice=advice)


def duplicate(first: Import) -> Verdict:
    """The same bytes were imported into this configuration before."""
    return Verdict(
        outcome=Outcome.INVALID,
        reason=f"The very same content was imported before, from {first.name} on"
        f" {moment(first.at)} (import {first.import_id}), and this folder refuses what was imported"
        " already. Nothing was sent.",
        advice="If the file was dropped twice, nothing is left to do. If another file was meant,"
        " drop that one. If the same rows are to be loaded once more, ask the administrator of"
        " this service for retry --even-if-imported.",
    )


def given_up(rejections: int, answer: str) -> Verdict:
    """The destination keeps answering this one file with errors while it takes others."""
    return Verdict(
        outcome=Outcome.FAILED,
        reason=f"Pigment answered this file with an error {rejections} times in a row, while it"
        " took others.",
        answer=answer,
        advice=f"{LOOK_IN_PIGMENT} {DROP_AGAIN}",
    )


def answer_lost(what: str) -> Verdict:
    """A push was begun and its answer was lost; `what` came instead."""
    return Verdict(
        outcome=Outcome.UNSURE,
        reason="The file was sent to Pigment and no answer came that tells what became of it, so"
        f" nobody knows whether it was imported.\n({what})",
        advice=LOOK_FIRST,
    )


def interrupted() -> Verdict:
    """The service itself was stopped hard in the middle of a push."""
    return Verdict(
        outcome=Outcome.UNSURE,
        reason="This service was interrupted while it sent the file to Pigment, so nobody knows"
        " whether it was imported.",
        advice=LOOK_FIRST,
    )


def changed_while_sent() -> Verdict:
    """What was sent is not what was claimed."""
    return Verdict(
        outcome=Outcome.UNSURE,
        reason="The file changed while it was being sent, so Pigment may have got a mixture of"
        " the old and the new content.",
        advice=f"Make sure that whatever writes the file has finished. {LOOK_FIRST}",
    )


def changed_after_sent() -> Verdict:
    """Pigment imported what was sent, and something else lies in its place."""
    return Verdict(
        outcome=Outcome.UNSURE,
        reason="Pigment imported the file, and before it could be moved to done it was changed in"
        " processing/: what lies here is not what was imported.",
        advice="Nobody should change anything in processing/. Compare this file with what Pigment"
        " received: open the block in Pigment and look at its Update History, where the CSV can be"
        " downloaded. Drop this one into the folder again only if it is to be imported as well.",
    )


def import_lost() -> Verdict:
    """Pigment does not know its own import ID."""
    return Verdict(
        outcome=Outcome.UNSURE,
        reason="Pigment took the file and then said for minutes that it knows no import of that"
        " ID, so nobody knows whether it was imported.",
        advice=LOOK_FIRST,
    )


def import_overdue(hours: float) -> Verdict:
    """The import runs longer than the operator gave it."""
    return Verdict(
        outcome=Outcome.UNSURE,
        reason=f"Pigment took the file, and after {_span(hours)} the import was still in"
        " progress, so it is no longer waited for.",
        advice=LOOK_FIRST,
    )


def moment(seconds: float) -> str:
    """Return a time since 1970 in the local zone, and the zone's name."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _span(hours: float) -> str:
    count, unit = (hours, "hour") if hours >= 1 else (hours * 60, "minute")
    return f"{count:.6g} {unit}" + ("" if count == 1 else "s")


def orphan() -> Verdict:
    """A claimed file that no journal knows."""
    return Verdict(
        outcome=Outcome.UNSURE,
        reason="The file was claimed by this service, and the record of what happened to it is"
        " lost, so nobody knows whether it was imported.",
        advice=LOOK_FIRST,
    )


def disowned() -> Verdict:
    """The journal was restored while the file was on its way."""
    return Verdict(
        outcome=Outcome.UNSURE,
        reason="The journal of this service was restored from an older copy, made while the file"
        " was on its way, so nobody knows what became of it since. It may be in done/ or failed/,"
        " or still lie in processing/ among the files of another instance.",
        advice=LOOK_FIRST,
    )


def gone() -> Verdict:
    """The file vanished before anything was sent."""
    return Verdict(
        outcome=Outcome.GONE, reason="The file was removed before anything of it was sent."
    )


def returned(reason: str) -> Verdict:
    """The file is put back where it came from; nothing was sent."""
    return Verdict(outcome=Outcome.RETURNED, reason=reason)
