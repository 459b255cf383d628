"""Answers of the acts on the dashboard: the part that changed for htmx, else a redirect to the page."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.requests import AuthenticatedRequest
from licensing.exceptions import LicensingError
from sites.portal.my_account import notices
from sites.portal.my_account.notices import Notice
from sites.portal.my_account.page import YEAR, render_dashboard, render_page


def respond(request: AuthenticatedRequest, notice: Notice) -> HttpResponse:
    """Say what was done, beside the row it is about."""
    if request.htmx:
        return render_dashboard(request, notice=notice)
    notices.keep_notice(request, notice)
    year = request.GET.get(YEAR, "")
    return redirect(reverse("my_account", query={YEAR: year} if year.isdigit() else None))


def refuse(request: AuthenticatedRequest, refusal: LicensingError, *, row: str = "", **context: object) -> HttpResponse:
    """Say why nothing was done, beside the row it is about; `context` keeps what was ticked or typed."""
    notice = Notice(sentence=str(refusal), refused=True, row=row)
    # No redirect, to keep the input.
    render_part = render_dashboard if request.htmx else render_page
    return render_part(request, status=409, notice=notice, **context)


def parse_pk(value: str) -> int:
    """Return a primary key. Raises `Http404` for what is none."""
    if not (value.isascii() and value.isdigit() and len(value) < 19):  # noqa: PLR2004 - what a bigint holds
        raise Http404("No number.")
    return int(value)
