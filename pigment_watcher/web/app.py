"""The pages and what stands behind their addresses."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from pigment_watcher import errors
from pigment_watcher.model import Outcome
from pigment_watcher.views import show
from pigment_watcher.views.moods import MEANINGS, mood
from pigment_watcher.web import charts, guard
from pigment_watcher.web.source import Source

#: Files on one page.
PAGE = 50
#: The most that a program may ask for at a time.
MOST = 1000

#: What the steps of a story are called for people.
_STEPS = {
    "job.found": "seen in the inbox, complete",
    "job.claimed": "taken from the inbox",
    "job.pushing": "being sent",
    "job.pushed": "sent; Pigment is importing it",
    "job.decided": "the outcome is known",
    "job.finished": "in its last place",
}

_log = logging.getLogger(__name__)


def application(source: Source, *, listens_on: str, token: str | None) -> flask.Flask:
    """Return the pages of a source; with a token, for those alone who know it."""
    app = flask.Flask("pigment_watcher.web", static_folder="static", template_folder="templates")
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the interface does not name it
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        age=show.age,
        missed=_missed,
        moment=_moment,
        mood=mood,
        printable=show.printable,
        size=show.size,
        words=_words,
    )
    app.jinja_env.globals.update(
        version=source.version,
        environment=source.environment,
        meanings={one.value: meaning for one, meaning in MEANINGS.items()},
        steps=_STEPS,
    )

    @app.before_request
    def let_in() -> ResponseReturnValue | None:
        if not guard.is_meant(listens_on, flask.request.host):
            return "This page is for this machine only.\n", 403
        if not guard.knows(token, flask.request.authorization):
            asked = {"WWW-Authenticate": 'Basic realm="pigment-watcher", charset="UTF-8"'}
            return "The token is needed, as the password of any user.\n", 401, asked
        return None

    @app.after_request
    def protect(response: flask.Response) -> flask.Response:
        response.headers.update(guard.HEADERS)
        return response

    @app.errorhandler(errors.JournalError)
    def unreadable(error: errors.JournalError) -> ResponseReturnValue:
        return _failed(503, str(error))

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> ResponseReturnValue:
        return _failed(error.code or 500, error.description or error.name)

    @app.errorhandler(Exception)
    def bug(error: Exception) -> ResponseReturnValue:
        # The page is one view short, and the work goes on.
        _log.error("web.failed", exc_info=error)
        return _failed(500, "The page has a defect; the log holds more. The work is not affected.")

    _add_pages(app, source)
    _add_programs(app, source)
    return app


def _add_pages(app: flask.Flask, source: Source) -> None:
    reader = source.reader

    @app.get("/")
    def overview() -> str:
        span = "month" if flask.request.args.get("span") == "month" else "day"
        ends, now = reader.ends(span), source.overview()
        return flask.render_template(
            "overview.html",
            now=now,
            missed=_missed(now["last_24h"]),
            silent=source.silent(),
            latest=reader.files(named="", route=None, outcome=None, before=None, most=10),
            span=span,
            ends=ends,
            files=charts.files(ends),
            durations=charts.durations(ends),
        )

    @app.get("/files")
    def files() -> str:
        asked = _asked()
        found = reader.files(**asked, most=PAGE)
        names = [route["route"] for route in reader.overview()["routes"]]
        return flask.render_template(
            "files.html", asked=asked, files=found, routes=names, most=PAGE
        )

    @app.get("/files/<int:job_id>")
    def file(job_id: int) -> str:
        stories = reader.stories(job_id)
        if not stories:
            flask.abort(404, "The journal knows no such job.")
        return flask.render_template("file.html", job_id=job_id, stories=stories)


def _add_programs(app: flask.Flask, source: Source) -> None:
    reader = source.reader

    @app.get("/api/status")
    def api_status() -> ResponseReturnValue:
        return flask.jsonify({**source.overview(), "silent_threads": list(source.silent())})

    @app.get("/api/files")
    def api_files() -> ResponseReturnValue:
        most = flask.request.args.get("limit", PAGE, type=int)
        found = reader.files(**_asked(), most=min(max(1, most), MOST))
        return flask.jsonify({"files": found})

    @app.get("/api/files/<int:job_id>")
    def api_file(job_id: int) -> ResponseReturnValue:
        stories = reader.stories(job_id)
        if not stories:
            flask.abort(404, "The journal knows no such job.")
        return flask.jsonify({"files": stories})

    @app.get("/api/ends/<any(day, month):span>")
    def api_ends(span: str) -> ResponseReturnValue:
        return flask.jsonify({"spans": reader.ends(span)})

    @app.get("/metrics")
    def metrics() -> ResponseReturnValue:
        told = source.overview()
        told = {**told, "healthy": told["healthy"] and not source.silent()}
        return source.metrics(told), 200, {"Content-Type": source.metrics_type}

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        silent = [f"{name} does not answer" for name in source.silent()]
        alarms = [*silent, *reader.overview()["alarms"]]
        answer = flask.jsonify({"healthy": not alarms, "alarms": alarms})
        return answer, 503 if alarms else 200


def _asked() -> dict[str, Any]:
    """Return which files a request asks for; what makes no sense is not asked."""
    args = flask.request.args
    wanted = args.get("outcome", "")
    known = {outcome.value: outcome for outcome in Outcome}
    return {
        "named": args.get("named", "").strip(),
        "route": args.get("route") or None,
        "outcome": known.get(wanted),
        "before": args.get("before", type=int),
    }


def _failed(code: int, text: str) -> ResponseReturnValue:
    if flask.request.path.startswith(("/api/", "/healthz")):
        return flask.jsonify({"error": text}), code
    return flask.render_template("error.html", code=code, text=text), code


# ---------------------------------------------------------------- how it looks


def _moment(iso: str | None) -> str:
    """Return a time in the server's zone, with its name."""
    if not iso:
        return "-"
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _missed(ended: Mapping[str, int]) -> int:
    """Return how many files were not imported, of counts by outcome."""
    return sum(ended.get(outcome, 0) for outcome in charts.KINDS["failed"])


def _words(name: str | Mapping[str, Any] | None) -> str:
    """Return an outcome or a state as words; of a file, what it ended as or where it stands."""
    word = (name["outcome"] or name["state"].lower()) if isinstance(name, Mapping) else name
    return (word or "").replace("_", " ")
