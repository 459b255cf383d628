"""Keeps the operator's visits of an office to reading: pages alone, and the database refuses to write."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from django.contrib import messages
from django.contrib.auth import logout
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from accounts.adapter import is_portal
from accounts.reauthentication import ConfirmedRecently
from collectivities import office_visits
from collectivities.access import OfficeAccess, OfficeHttpRequest, get_visit
from web.access import Public, get_policy

#: What ends a visit, or begins another.
DOORS = frozenset({"office_visit", "office_visit_close", "office_visit_closed", "account_logout"})
#: Those that end it.
CLOSING_DOORS = frozenset({"office_visit_close", "account_logout"})
#: SQLSTATE of a statement that would write in a transaction that only reads.
_READ_ONLY = "25006"
_ACT = "vous regardez ce bureau sans y agir. Un membre de la collectivité le fera, ou vous depuis l'administration."
_CONFIRMED = "cette page montre ou change un secret. Ni clé, ni jeton, ni rôle n'est ouvert à l'exploitation."
_ACCOUNT = "cette page est celle d'un compte. Le vôtre se règle sur le portail."
_FILE = "les fichiers, qui contiennent des données personnelles, ne sont pas remis à l'exploitation."


class OfficeVisitMiddleware:
    """Recognises a visit, ends it where it is over, and refuses all but reading pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request; a visit's in a transaction in which `process_view` forbids to write."""
        # The emptiness first, within: it reads nothing, and leaves visitors' pages without `Vary: Cookie`.
        if is_portal(request) or not office_visits.is_visit(request):
            return self.get_response(request)
        visit = office_visits.find_visit(request, at=timezone.now())
        if visit is None:
            logout(request)
            messages.info(request, "la lecture de ce bureau est finie : ouvrez-le à nouveau depuis l'administration.")
            return self.get_response(request)
        request.office_visit = visit  # type: ignore[attr-defined]
        with transaction.atomic():
            response = self.get_response(request)
            if reason := getattr(request, "office_visit_wrote", False):
                transaction.set_rollback(True)
        if reason:
            return refuse(request, _ACT)
        return response if _is_page(response) else refuse(request, _FILE)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return None to run the view of a page that a visit may read, else the refusal."""
        if get_visit(request) is None:
            return None
        if request.resolver_match is not None and request.resolver_match.view_name in DOORS:
            if request.method == "POST" and request.resolver_match.view_name in CLOSING_DOORS:
                office_visits.record_end(request.office_visit, at=timezone.now())  # type: ignore[attr-defined]
            return None
        if (reason := _find_reason(request, view)) is not None:
            return refuse(request, reason)
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the refusal where a page that is read tried to write."""
        if get_visit(request) is None or not isinstance(error, DatabaseError):
            return None
        if getattr(error.__cause__, "sqlstate", None) != _READ_ONLY:
            return None
        request.office_visit_wrote = True  # type: ignore[attr-defined]
        return refuse(request, _ACT)


def refuse(request: HttpRequest, reason: str) -> HttpResponse:
    """Return the page that says why a visit may not do this; to htmx, the whole page anew, which says it too."""
    if request.headers.get("HX-Request"):
        messages.warning(request, f"lecture seule : {reason}")
        return HttpResponseClientRedirect(cast("OfficeHttpRequest", request).htmx.current_url_abs_path or "/")
    cast("OfficeHttpRequest", request).member = request.office_visit.member  # type: ignore[attr-defined]
    context = {"reason": reason, "page_before": _find_page_before(request)}
    return render(request, "collectivities/office_visit_refused.html", context, status=403)


def _find_page_before(request: HttpRequest) -> str:
    """Return the path of the office's page that led to this request; empty if none did, or it is the refused one."""
    before = urlsplit(request.headers.get("Referer", ""))
    path = urlunsplit(("", "", before.path, before.query, ""))
    if before.netloc != request.get_host() or not url_has_allowed_host_and_scheme(path, allowed_hosts=None):
        return ""
    return "" if request.method in ("GET", "HEAD") and path == request.get_full_path() else path


def _find_reason(request: HttpRequest, view: Callable[..., Any]) -> str | None:
    """Return why a visit may not run the view; None where it may."""
    policy = get_policy(view)
    if request.method not in ("GET", "HEAD"):
        return _ACT
    if isinstance(policy, ConfirmedRecently):
        if policy.applies_to(request):
            return _CONFIRMED
        policy = policy.policy
    return None if isinstance(policy, OfficeAccess | Public) else _ACCOUNT


def _is_page(response: HttpResponse) -> bool:
    """Return whether the response is a page, a picture in one, or leads elsewhere: not a file."""
    kind = response.headers.get("Content-Type", "")
    return response.status_code != HTTPStatus.OK or (
        not response.headers.get("Content-Disposition", "").startswith("attachment")
        and kind.startswith(("text/html", "image/"))
    )
