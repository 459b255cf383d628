"""When the database is away: a 503 in the house's dress, one more try for reads, and the truth about what was sent.

Django turns an exception into its response next to the view, where middleware sees no exception any more: the handlers
of 500 and 400 recognise an outage, and mark their response for the middleware.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from django.core.handlers.wsgi import WSGIRequest
from django.db import InternalError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

from core.exceptions import iter_causes
from core.postgresql.base import CommitUnanswered, DatabaseUnreachable, DatabaseWrapper, is_lost

#: Seconds after which the visitor, or their program, is asked to come back.
RETRY_AFTER = 10
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: SQLSTATEs, or classes of them, that end by themselves: a resource is exhausted, a lock or a statement took too long,
#: the server has become a standby.
_PASSING = ("53", "57", "55P03", "40", "25P03", "25006")
#: Django's and the driver's own: procrastinate wraps the latter.
_DATABASE_ERRORS = (OperationalError, InternalError, psycopg.OperationalError, psycopg.InternalError)


@dataclass(frozen=True, slots=True)
class Outage:
    """Why a request failed. `lost`: its connection broke; `may_be_done`: what it asked for may be stored."""

    lost: bool
    may_be_done: bool


def find_outage(error: BaseException | None) -> Outage | None:
    """Return the outage that an exception comes from; None where the database is not its cause."""
    # Of an outage the session store makes a request that it refuses, procrastinate an error of its own.
    chain = list(iter_causes(error))
    if not any(_is_outage(each) for each in chain):
        return None
    unreachable = any(isinstance(each, DatabaseUnreachable) for each in chain)
    lost = any(isinstance(each, _DATABASE_ERRORS) and is_lost(each) for each in chain)
    return Outage(
        lost=lost and not unreachable,
        may_be_done=any(isinstance(each, CommitUnanswered) for each in chain) or may_have_written(),
    )


def may_have_written() -> bool:
    """Whether something was committed, or may have been, since the request began."""
    return cast("DatabaseWrapper", connection).may_have_written


def forget_preliminary_writes() -> None:
    """Take what was committed so far for nothing that the request asks for: counters, a token's last use."""
    cast("DatabaseWrapper", connection).may_have_written = False


def _is_outage(error: BaseException) -> bool:
    if not isinstance(error, _DATABASE_ERRORS):
        return False
    state: str | None = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    return is_lost(error) or (state is not None and state.startswith(_PASSING))


def build_unavailable_page(request: HttpRequest, outage: Outage) -> HttpResponse:
    """Return the 503 page: from a template without request, session or query."""
    return mark(
        HttpResponse(
            render_to_string(
                "503.html", {"sent": request.method not in SAFE_METHODS, "may_be_done": outage.may_be_done}
            ),
            status=503,
            headers={"Cache-Control": "no-store"},
        ),
        outage,
    )


def mark[Response: HttpResponse](response: Response, outage: Outage) -> Response:
    """Mark the response of an outage for `DatabaseOutageMiddleware`, with when to ask again; return it."""
    response["Retry-After"] = str(RETRY_AFTER)
    response.outage = outage  # type: ignore[attr-defined]
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the page of an outage, else of a fault of ours. A handler of 500: the exception is the one at hand."""
    outage = find_outage(sys.exception())
    if outage is not None:
        return build_unavailable_page(request, outage)
    return HttpResponse(render_to_string("500.html", {"may_be_done": may_have_written()}), status=500)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the page of a refused request, or of the outage that it comes from: a session that was not stored."""
    outage = find_outage(exception)
    return defaults.bad_request(request, exception) if outage is None else build_unavailable_page(request, outage)


class DatabaseOutageMiddleware:
    """Tries a read once more where its connection was lost before anything was stored or answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request, twice if need be."""
        forget_preliminary_writes()
        with connection.execute_wrapper(_note_write):
            response = self.get_response(request)
            outage: Outage | None = getattr(response, "outage", None)
            if outage is None or not outage.lost or outage.may_be_done or request.method not in ("GET", "HEAD"):
                return response
            connection.close()
            # Anew: the first one holds the session and the account as they were read, or half of them.
            return self.get_response(WSGIRequest(cast("WSGIRequest", request).environ))


def _note_write(execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: dict[str, Any]) -> Any:
    """Note a statement outside of a transaction that may write: it commits by itself, and its answer may be lost."""
    ours: DatabaseWrapper = context["connection"]
    # Procrastinate queues a job by a SELECT.
    reads = isinstance(sql, str) and sql.lstrip()[:6].upper() == "SELECT" and "procrastinate_" not in sql
    if not ours.in_atomic_block and not reads:
        ours.may_have_written = True
    return execute(sql, params, many, context)
