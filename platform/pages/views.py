"""The homes of the portal and of the office."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from collectivities.access import office
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@public_page
def portal_home(request: HttpRequest) -> HttpResponse:
    """What Pep's licences are, and where to go from here."""
    return render(request, "pages/portal_home.html")


@office()
def office_home(request: HttpRequest) -> HttpResponse:
    """Where the collectivity's licences are."""
    return render(request, "pages/office_home.html")
