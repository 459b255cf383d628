"""The page of pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from collectivities.access import office
from collectivities.models import Role
from licensing.pools.queries import positions

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest


@office()
def lots(request: OfficeRequest) -> HttpResponse:
    """Show each pool: its order, its dates and its position."""
    roles = request.member.roles
    context = {
        "lots": positions(),
        "buys": Role.BUYER in roles,
        "sees_prices": not {Role.BUYER, Role.MANAGER}.isdisjoint(roles),
    }
    return render(request, "pools/lots.html", context)
