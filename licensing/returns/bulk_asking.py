"""« Demander » among the acts on many allocations: what asking their schools for unused licences will do."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Sequence

from django.db.models import Max

from core import formatting
from core.calendar import date_in_paris
from licensing.pools.asking_schools import find_asking
from licensing.pools.bulk_preview import BulkPreview, LeftReason, PoolShare
from licensing.pools.models import Allocation
from licensing.pools.queries import AllocationState, AnnotatedAllocation, filter_unused, list_allocations
from licensing.pools.views import bulk
from licensing.returns.models import ANSWER_PERIOD, MIN_PAUSE, ReturnOutcome, ReturnRequest
from licensing.returns.notifications import list_addressees
from licensing.returns.operations import ask_dormant, ask_many_again
from licensing.returns.queries import count_unused


def preview_asking(allocation_ids: Collection[int], at: datetime.datetime) -> BulkPreview:
    """Return what `ask_dormant` will do."""
    return _preview(allocation_ids, at, again=False)


def preview_asking_again(allocation_ids: Collection[int], at: datetime.datetime) -> BulkPreview:
    """Return what `ask_many_again` will do."""
    return _preview(allocation_ids, at, again=True)


def _preview(allocation_ids: Collection[int], at: datetime.datetime, *, again: bool) -> BulkPreview:
    found = list_allocations(date_in_paris(at)).filter(pk__in_array=allocation_ids).order_by("pool__name", "pk")
    allocations = list(found)
    key_ids = [allocation.key_id for allocation in allocations]
    unused = count_unused(key_ids)
    requests = ReturnRequest.objects.filter(key__in=key_ids)
    waiting = set(requests.open_at(at).values_list("key_id", flat=True))
    asked = requests.exclude(outcome=ReturnOutcome.WITHDRAWN).order_by().values_list("key").annotate(Max("asked_at"))
    lately = {key_id for key_id, moment in asked if moment is not None and at < moment + MIN_PAUSE}
    dormant = set(Allocation.objects.filter(pk__in_array=allocation_ids).dormant(at).values_list("pk", flat=True))
    for_more = find_asking()
    reasons: Counter[LeftReason] = Counter()
    asking: list[AnnotatedAllocation] = []
    for allocation in allocations:
        reason = _find_reason(allocation, unused)
        if reason is None and allocation.key_id in waiting:
            reason = LeftReason.ASKED
        elif reason is None and not again:
            if allocation.key_id in lately:
                reason = LeftReason.ASKED_LATELY
            elif allocation.school_id in for_more:
                reason = LeftReason.ASKS_FOR_MORE
            elif allocation.pk not in dormant:
                reason = LeftReason.GIVEN_LATELY
        if reason is None:
            asking.append(allocation)
        else:
            reasons[reason] += 1
    addressees = list_addressees([allocation.key_id for allocation in asking])
    return BulkPreview(
        allocation_ids=[allocation.pk for allocation in asking],
        schools=len({allocation.school_id for allocation in asking}),
        units=sum(unused[allocation.key_id] for allocation in asking),
        pools=_share(asking, unused),
        emails=sum(len(people) for people in addressees.values()),
        left=reasons,
        units_by_allocation={allocation.pk: unused[allocation.key_id] for allocation in asking},
    )


def _find_reason(allocation: AnnotatedAllocation, unused: dict[int, int]) -> LeftReason | None:
    if allocation.revoked_at is not None:
        return LeftReason.REVOKED
    if allocation.key.redeemed_at is None:
        return LeftReason.NOT_REDEEMED
    if allocation.state != AllocationState.REDEEMED:
        return LeftReason.POOL_NOT_OPEN
    return None if unused.get(allocation.key_id) else LeftReason.ALL_USED


def _share(asking: Sequence[AnnotatedAllocation], unused: dict[int, int]) -> list[PoolShare]:
    schools: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for allocation in asking:
        schools[allocation.pool.name] += 1
        units[allocation.pool.name] += unused[allocation.key_id]
    return [PoolShare(pool, count, units[pool]) for pool, count in schools.items()]


def describe_asking(preview: BulkPreview) -> list[str]:
    """Return what asking does: licences by pool, the e-mails, and what silence means."""
    lines = [
        f"Lot « {share.pool} », {formatting.pluralize(share.schools, 'école')} : "
        f"{formatting.pluralize(share.units, 'licence activée ne sert', 'licences activées ne servent')} à personne."
        for share in preview.pools
    ]
    letters = formatting.pluralize(preview.emails, "e-mail part", "e-mails partent")
    return [
        *lines,
        f"{letters} aux directions, qui rendent ces licences, en rendent moins, ou les gardent.",
        f"Sans réponse en {ANSWER_PERIOD.days} jours, rien ne change. Aucun rappel ne part.",
    ]


_ASKED = ("école sollicitée", "écoles sollicitées")


bulk.bulk_actions.declare(
    "demander",
    bulk.BulkAction(
        "Demander les licences inutilisées",
        preview_asking,
        describe_asking,
        ask_dormant,
        _ASKED,
        select=filter_unused,
        nothing="Aucune de ces écoles n'a de licence activée et inutilisée : il n'y a rien à leur demander.",
        override=bulk.Override(
            frozenset({LeftReason.ASKED_LATELY, LeftReason.ASKS_FOR_MORE, LeftReason.GIVEN_LATELY}),
            "redemander",
            "Demander quand même à toutes",
        ),
    ),
)
bulk.bulk_actions.declare(
    "redemander",
    bulk.BulkAction(
        "Demander quand même",
        preview_asking_again,
        describe_asking,
        ask_many_again,
        _ASKED,
        select=filter_unused,
        nothing="Aucune de ces écoles n'a de licence activée et inutilisée : il n'y a rien à leur demander.",
    ),
)
