"""What the collectivity bought, and where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.utils import timezone

from collectivities.access import office
from licensing.catalogue.operations import day_in_france
from licensing.pools.queries import positions

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

STATES = {"firm": "Ferme", "suspended": "Suspendu", "closed": "Terminé"}


@office()
def lots(request: HttpRequest) -> HttpResponse:
    """Show a line a lot: its order, its dates, and where its licences are."""
    today = day_in_france(timezone.now())
    rows = [(position, STATES[position.state_on(today)]) for position in positions()]
    return render(request, "pools/lots.html", {"rows": rows})
