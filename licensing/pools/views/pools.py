"""The page of pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from collectivities.access import office
from collectivities.models import Role
from licensing.pools.queries import list_pool_positions

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest


@office()
def pool_list(request: OfficeHttpRequest) -> HttpResponse:
    """Show each pool: its order, its dates and its position."""
    roles = request.member.roles
    context = {
        "pools": list_pool_positions(),
        "buys": Role.BUYER in roles,
        "sees_prices": not {Role.BUYER, Role.MANAGER}.isdisjoint(roles),
    }
    return render(request, "pools/pools.html", context)
