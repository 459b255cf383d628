"""What an act on many allocations will do, in schools and licences, before anybody confirms it.

Read without locks: the operations decide anew, allocation by allocation, and refuse for the same reasons.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Mapping
from enum import Enum
from typing import NamedTuple

from django.db.models import Count, Prefetch, Q, Sum

from core import formatting
from core.calendar import date_in_paris, start_of_day
from core.confirmation_guard import ConfirmationGuard, is_large_share
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.office_keys import find_entitlements
from licensing.pools.models import Allocation
from licensing.pools.queries import (
    AllocationState,
    find_emailed_ids,
    find_just_sent_ids,
    find_reminded_ids,
    list_allocations,
)
from licensing.pools.stopped_reminders import find_stopped
from schools import calendar

#: A key that was sent so lately is hardly late.
_JUST_SENT = datetime.timedelta(days=1)


class LeftReason(Enum):
    """Why an act leaves an allocation as it is; the value counts them in French, singular and plural."""

    REDEEMED = ("clé déjà activée", "clés déjà activées")
    REVOKED = ("attribution déjà reprise", "attributions déjà reprises")
    POOL_NOT_OPEN = ("clé d'un lot suspendu ou terminé", "clés de lots suspendus ou terminés")
    NEVER_SENT = ("école à qui aucun e-mail n'est encore parti", "écoles à qui aucun e-mail n'est encore parti")
    NOT_REDEEMED = ("clé non activée", "clés non activées")
    ALL_USED = ("école qui utilise toutes ses licences", "écoles qui utilisent toutes leurs licences")
    ASKED = ("école dont la réponse est attendue", "écoles dont la réponse est attendue")
    ASKED_LATELY = (
        "école déjà sollicitée depuis moins de 60 jours",
        "écoles déjà sollicitées depuis moins de 60 jours",
    )
    GIVEN_LATELY = (
        "école qui a ses licences, ou sa clé activée, depuis moins de 30 jours",
        "écoles qui ont leurs licences, ou leur clé activée, depuis moins de 30 jours",
    )
    ASKS_FOR_MORE = (
        "école qui demande des licences et attend votre réponse",
        "écoles qui demandent des licences et attendent votre réponse",
    )
    REMINDED_TODAY = ("école déjà relancée aujourd'hui", "écoles déjà relancées aujourd'hui")
    WRITTEN_THIS_WEEK = ("école déjà relancée cette semaine", "écoles déjà relancées cette semaine")


class _PreviewedAllocation(NamedTuple):
    """What decides on an allocation."""

    pk: int
    uai: str
    pool: str
    units: int
    state: str
    redeemed_at: datetime.datetime | None
    revoked_at: datetime.datetime | None


class PoolShare(NamedTuple):
    """What an act changes in one pool."""

    pool: str
    schools: int
    units: int


class BulkPreview(NamedTuple):
    """What an act changes, and what it leaves."""

    allocation_ids: list[int]
    schools: int
    units: int
    pools: list[PoolShare]
    #: Schools that an e-mail tells of it.
    emails: int
    left: Mapping[LeftReason, int]
    #: Of those that are written to, how many were sent their key within a day.
    just_sent: int = 0
    #: Of those that are reminded, how many stopped their automatic reminders.
    stopped: int = 0
    #: Where an act concerns a part of the licences of each, how many.
    units_by_allocation: Mapping[int, int] | None = None


def preview_revocation(allocation_ids: Collection[int], at: datetime.datetime) -> BulkPreview:
    """Return what `revoke_many` will do; its e-mails leave an hour later."""
    rows = _read(allocation_ids, at)
    reasons = {row.pk: reason for row in rows if (reason := _find_end(row)) is not None}
    emailed = find_emailed_ids([row.pk for row in rows if row.pk not in reasons])
    return _count(rows, reasons, emails=len(emailed))


def preview_resending(allocation_ids: Collection[int], at: datetime.datetime) -> BulkPreview:
    """Return what `resend_many` will do."""
    rows = _read(allocation_ids, at)
    return _count(rows, {row.pk: reason for row in rows if (reason := _find_obstacle(row)) is not None})


def preview_reminding(allocation_ids: Collection[int], at: datetime.datetime) -> BulkPreview:
    """Return what `remind_many` will do."""
    rows = _read(allocation_ids, at)
    numbers = [row.pk for row in rows]
    emailed = find_emailed_ids(numbers)
    reminded = find_reminded_ids(start_of_day(date_in_paris(at)), numbers)
    written = set(calendar.find_written([row.uai for row in rows], at=at))
    reasons = {}
    # In the order of `remind_many`, which writes once to a school.
    for row in sorted(rows):
        reason = _find_obstacle(row)
        if reason is None and row.pk not in emailed:
            reason = LeftReason.NEVER_SENT
        elif reason is None and row.pk in reminded:
            reason = LeftReason.REMINDED_TODAY
        elif reason is None and row.uai in written:
            reason = LeftReason.WRITTEN_THIS_WEEK
        if reason is not None:
            reasons[row.pk] = reason
        else:
            written.add(row.uai)
    preview = _count(rows, reasons)
    return preview._replace(
        just_sent=len(find_just_sent_ids(at - _JUST_SENT, preview.allocation_ids)),
        stopped=len(find_stopped(preview.allocation_ids)),
    )


def build_bulk_guard(
    preview: BulkPreview, at: datetime.datetime, *, counts_letters: bool = False
) -> ConfirmationGuard | None:
    """Return the guard on an act, None unless it concerns a large share of the licences given in running pools.

    `counts_letters`: the act moves no licence but writes letters: a large share of the schools served is what counts.
    """
    entitlements = find_entitlements(Q(last_day__gte=date_in_paris(at)))
    running = Allocation.objects.served().filter(pool__entitlement__in=entitlements)
    given = running.aggregate(schools=Count("school_id", distinct=True), units=Sum("units"))
    units = given["units"] or 0
    if counts_letters:
        return _build_letters_guard(preview, given["schools"])
    if not is_large_share(preview.units, units, schools_served=given["schools"]):
        return None
    of_all = formatting.pluralize(units, "licence donnée", "licences données")
    return ConfirmationGuard(
        preview.units,
        f"Cela concerne {formatting.pluralize(preview.units, 'licence')} sur {of_all}. Tapez ce nombre de licences pour"
        " confirmer.",
    )


def _build_letters_guard(preview: BulkPreview, schools_served: int) -> ConfirmationGuard | None:
    if not is_large_share(preview.schools, schools_served, schools_served=schools_served):
        return None
    letters = formatting.pluralize(preview.emails, "e-mail part", "e-mails partent")
    of_all = formatting.pluralize(schools_served, "école servie", "écoles servies")
    return ConfirmationGuard(preview.emails, f"{letters}, pour {of_all}. Tapez ce nombre d'e-mails pour confirmer.")


def _read(allocation_ids: Collection[int], at: datetime.datetime) -> list[_PreviewedAllocation]:
    found = list_allocations(date_in_paris(at)).filter(pk__in_array=allocation_ids).order_by("pool__name", "pk")
    keys = ActivationKey.objects.only("redeemed_at")
    rows = found.prefetch_related(None).prefetch_related(Prefetch("key", keys))
    return [
        _PreviewedAllocation(
            row.pk, row.school_id, row.pool.name, row.units, row.state, row.key.redeemed_at, row.revoked_at
        )
        for row in rows
    ]


def _find_end(row: _PreviewedAllocation) -> LeftReason | None:
    if row.revoked_at is not None:
        return LeftReason.REVOKED
    return LeftReason.REDEEMED if row.redeemed_at is not None else None


def _find_obstacle(row: _PreviewedAllocation) -> LeftReason | None:
    """Return why no e-mail may be sent about this key, if so."""
    return _find_end(row) or (LeftReason.POOL_NOT_OPEN if row.state != AllocationState.ISSUED else None)


def _count(
    rows: list[_PreviewedAllocation], reasons: Mapping[int, LeftReason], *, emails: int | None = None
) -> BulkPreview:
    changed = [row for row in rows if row.pk not in reasons]
    schools, units = Counter(row.pool for row in changed), Counter[str]()
    for row in changed:
        units[row.pool] += row.units
    return BulkPreview(
        allocation_ids=[row.pk for row in changed],
        schools=len({row.uai for row in changed}),
        units=sum(units.values()),
        pools=[PoolShare(pool, count, units[pool]) for pool, count in schools.items()],
        emails=len(changed) if emails is None else emails,
        left=Counter(reasons.values()),
    )
