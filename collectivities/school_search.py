"""The directory search on the office's host, for members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.http import require_safe

from collectivities.access import office
from schools.views import render_school_search

if TYPE_CHECKING:
    from django.http import HttpResponse

    from web.requests import HtmxRequest


@office()
@require_safe
def school_search(request: HtmxRequest) -> HttpResponse:
    """Search the directory, for forms that add a school to the portfolio or allocate licences."""
    return render_school_search(request)
