"""The office's home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from collectivities.access import office

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@office()
def office_home(request: HttpRequest) -> HttpResponse:
    """Where the collectivity's licences are."""
    return render(request, "pages/office_home.html")
