"""Which schools of a lot need more licences than they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import F

from collectivities.models import PortfolioSchool
from licensing.pools.models import Allocation
from licensing.pools.queries import annotate_held

if TYPE_CHECKING:
    from licensing.pools.models import Pool


class Need(NamedTuple):
    """A school that could use more: how many are proposed, and why."""

    uai: str
    name: str
    commune: str
    #: What it has of the lot now; None without an allocation.
    allocation_id: int | None
    units: int
    proposed: int
    reason: str
    #: Where its letter goes.
    recipient: str


def list_needs(pool: Pool) -> list[Need]:
    """Return the schools of a lot that need more, the fullest first. Three queries.

    Those whose licences are all held by teachers. A lot has one allocation a school: so has the answer one row.
    """
    redeemed = Allocation.objects.served().filter(pool=pool, key__redeemed_at__isnull=False).select_related("school")
    full = list(annotate_held(redeemed).filter(held=F("units")).order_by("-units", "school__name_folded", "pk"))
    uais = [one.school_id for one in full]
    rows = PortfolioSchool.objects.filter(school_id__in_array=uais).values_list("school_id", "classes")
    classes = dict(rows)
    return [
        Need(
            uai=one.school_id,
            name=one.school.name,
            commune=one.school.commune,
            allocation_id=one.pk,
            units=one.units,
            proposed=max((classes.get(one.school_id) or 0) - one.units, 1),
            reason=_describe(one.units, classes.get(one.school_id)),
            recipient=one.recipient,
        )
        for one in full
    ]


def _describe(units: int, classes: int | None) -> str:
    used = "sa licence est utilisée" if units == 1 else f"ses {units} licences sont utilisées"
    return f"{used}, pour {classes} classes" if classes and classes > units else used
