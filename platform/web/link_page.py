"""The page at the address of an e-mailed link, which posts the token once, and the session that keeps it.

A script does so at once. Without scripts the visitor pastes the link, which a form sends: a fragment leaves a browser
in no other way. Links of 1.0.0 have their token in the path; they work until they expire, and proxies mask them in
their logs (`deploy/`).
"""

import functools
from collections.abc import Callable
from http import HTTPStatus

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from core.links import LINK_FIELD
from core.sealing import Sealer, UnsealError

# Secret tokens of e-mailed links, kept in the session once the link was opened: the page's address holds none.
#
# Whoever reads the address bar, the history or a referrer then finds no token. Sealed in the session: a copy of the
# database reveals none either.

_SESSION_KEY = "link_tokens"
#: Links of one browser that can be open side by side.
MAX_LINKS = 10

_sealer = Sealer("web.link-sessions")


@sensitive_variables("token")
def keep_link_token(request: HttpRequest, name: str, token: str) -> None:
    """Keep the token of a link under the name of its object, in place of the oldest where there are many."""
    kept = {other: sealed for other, sealed in request.session.get(_SESSION_KEY, {}).items() if other != name}
    latest = list(kept.items())[-(MAX_LINKS - 1) :]
    request.session[_SESSION_KEY] = dict([*latest, (name, _sealer.seal(token.encode()).decode())])


def get_link_token(request: HttpRequest, name: str) -> str | None:
    """Return the token that was kept under a name; None where this browser opened no such link."""
    sealed = request.session.get(_SESSION_KEY, {}).get(name)
    if sealed is None:
        return None
    try:
        return _sealer.unseal(sealed.encode()).decode()
    except UnsealError:
        return None


def forget_link_token(request: HttpRequest, name: str) -> None:
    """Remove the token of a link that has served."""
    if name in (kept := request.session.get(_SESSION_KEY, {})):
        request.session[_SESSION_KEY] = {other: sealed for other, sealed in kept.items() if other != name}


@sensitive_variables("token")
def sign_out_and_keep(request: HttpRequest, name: str, *, page: str) -> HttpResponse:
    """Sign the current account out, keep the token of this name, and redirect to its page."""
    token = get_link_token(request, name)
    logout(request)
    if token is not None:
        keep_link_token(request, name, token)
    response = redirect(page)
    # As `accounts.views.SignOutView` does.
    response["Clear-Site-Data"] = '"storage"'
    return response


#: Letters of what is read: a pasted link with its token, and more.
_MAX_LENGTH = 2000


def opens_link(view: Callable[[HttpRequest, str], HttpResponse]) -> Callable[..., HttpResponse]:
    """Return a view that passes the token on to this one: posted by the link's page, or of an old link's path."""

    @never_cache
    @sensitive_post_parameters(LINK_FIELD)
    @sensitive_variables("token")
    @functools.wraps(view)
    def open_link(request: HttpRequest, token: str = "") -> HttpResponse:
        is_safe = request.method in ("GET", "HEAD")
        if token:
            return view(request, token) if is_safe else HttpResponseNotAllowed(["GET", "HEAD"])
        if is_safe:
            return render(request, "web/link.html")
        if request.method != "POST":
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        token = read_token(request.POST.get(LINK_FIELD, ""))
        if not token:
            return render(request, "web/link.html", {"is_refused": True}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return view(request, token)

    return open_link


@sensitive_variables("text", "token")
def read_token(text: str) -> str:
    """Return the token of what was posted: itself, or the link that it is part of; empty where there is none."""
    text = text[:_MAX_LENGTH].strip()
    _, mark, token = text.rpartition(f"{LINK_FIELD}=")
    return token if mark else text.rstrip("/").rpartition("/")[2]
