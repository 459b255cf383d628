"""The page of pools, and their names."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.models import Role
from collectivities.queries import list_members
from core.calendar import date_in_paris
from licensing.exceptions import LicensingError
from licensing.pools import operations
from licensing.pools.models import Pool
from licensing.pools.pool_notes import list_notes
from licensing.pools.positions import list_pool_positions

_RENAMERS = frozenset({Role.BUYER, Role.MANAGER})


@office()
def pool_list(request: OfficeHttpRequest) -> HttpResponse:
    """Show each pool: its order, its dates and its position."""
    roles = request.member.roles
    pools, buys = list_pool_positions(), Role.BUYER in roles
    notes, today = list_notes(), date_in_paris(timezone.now())
    shown = [(position, notes.get(position.pool_id, [])) for position in pools]
    context = {
        "pools": pools,
        "running": [one for one in shown if one[0].last_day >= today],
        "past": [one for one in shown if one[0].last_day < today],
        "buys": buys,
        "buyers": [] if pools or buys else list_members(Role.BUYER),
        "renames": not _RENAMERS.isdisjoint(roles),
        "sees_prices": not {Role.BUYER, Role.MANAGER}.isdisjoint(roles),
    }
    return render(request, "pools/pools.html", context)


@require_POST
@office(*_RENAMERS)
def rename(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Rename a pool."""
    before = get_object_or_404(Pool, pk=pk).name
    try:
        pool = operations.rename_pool(
            pool_id=pk, name=request.POST.get("name", ""), by=request.member.user, at=timezone.now()
        )
    except LicensingError as refusal:
        messages.error(request, str(refusal))
    else:
        if pool.name == before:
            messages.info(request, f"Le lot s'appelle déjà « {pool.name} » : rien n'a changé.")
        else:
            messages.success(request, f"Le lot « {before} » s'appelle maintenant « {pool.name} ».")
    return redirect("pools:pools")
