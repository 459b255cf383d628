"""The page at the address of an e-mailed link: it posts the token of the fragment once (`core.link_tokens`).

A script does so at once. Without scripts the visitor pastes the link, which a form sends: a fragment leaves a browser
in no other way. Links of 1.0.0 have their token in the path; they work until they expire, and proxies mask them in
their logs (`deploy/`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from core.link_tokens import LINK_FIELD

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
