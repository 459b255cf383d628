"""What the collectivity bought, and where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from collectivities.access import office
from licensing.pools.queries import positions

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@office()
def lots(request: HttpRequest) -> HttpResponse:
    """Show a line a lot: its order, its dates, and where its licences are."""
    return render(request, "pools/lots.html", {"lots": positions()})
