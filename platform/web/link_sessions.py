"""Secret tokens of e-mailed links, kept in the session once the link was opened: the page's address holds none.

Whoever reads the address bar, the history or a referrer then finds no token. Sealed in the session: a copy of the
database reveals none either.
"""

from __future__ import annotations

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_variables

from core.sealing import Sealer, UnsealError

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
