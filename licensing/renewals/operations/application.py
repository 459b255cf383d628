"""Give a list to its schools, as a whole, and undo that before they are told.

Lock order: renewal → pools → allocations → keys → subscriptions → seats.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import F

from accounts.models import User
from collectivities import audit_log
from core import formatting
from core.calendar import date_in_paris
from core.formatting import school_forms
from licensing.entitlements.exceptions import LicencesInUse
from licensing.entitlements.key_units import shrink_many
from licensing.entitlements.seat_removal import remove_seats
from licensing.pools import events
from licensing.pools import operations as pools
from licensing.pools.emails import school_label
from licensing.pools.models import ALLOCATION_TOPIC, REDUCED_IN_BULK, Allocation, Pool
from licensing.pools.operations.results import lock_allocations
from licensing.renewals import queries
from licensing.renewals.application_plan import ApplicationPlan, build_plan
from licensing.renewals.exceptions import RenewalChanged, RenewalNotUndoable, RenewalRefused, WrongRenewalState
from licensing.renewals.models import Renewal, RenewalApplication, RenewalGift, RenewalState
from licensing.renewals.operations.ordering import keep_list
from licensing.renewals.operations.renewal_lock import lock_renewal, save_change
from licensing.renewals.renewal_list import RenewalList, read_list
from mailing import operations as mailing
from mailing.models import Message, MessageState
from webhooks import operations as webhooks


@transaction.atomic
def apply_renewal(
    *, year: int, version: int, expected: str, by: User | None, at: datetime.datetime
) -> RenewalApplication:
    """Give each school of the list what it lacks, all or nothing; the schools are told on 1 September.

    `expected`: the fingerprint of the plan that was shown. Raises `RenewalChanged` where it is another by now,
    `RenewalRefused`, `RenewalNotOpen`, `WrongRenewalState`, or what `allocate_many` raises, having changed nothing.
    """
    states = (RenewalState.OPEN, RenewalState.ORDERED)
    found = lock_renewal(year, version, *states, at=at)
    _lock_all(found)
    found = read_list(year, at)
    plan = build_plan(found, at)
    if plan.fingerprint != expected:
        raise RenewalChanged("Ce qui va se passer a changé depuis que vous l'avez lu. Rien n'est fait : relisez-le.")
    if plan.is_refused:
        raise RenewalRefused(f"{' '.join(plan.refusals)} Rien n'est fait.")
    renewal = found.renewal
    assert renewal is not None  # noqa: S101 - locked, so made
    application = RenewalApplication.objects.create(
        renewal=renewal, applied_at=at, applied_by_id=by.pk if by else None, notify_at=plan.notify_at
    )
    if found.state == RenewalState.OPEN:
        keep_list(renewal, found)
    _give(application, plan, by=by, at=at)
    units = formatting.pluralize(plan.units, "licence attribuée", "licences attribuées")
    schools = formatting.pluralize(len(plan.gifts), "école")
    day = formatting.long_date(date_in_paris(plan.notify_at))
    save_change(found, action="applied", summary=f"{units} à {schools}, e-mails le {day}", by=by, at=at)
    return application


def _lock_all(found: RenewalList) -> None:
    """Lock the lots, then what the schools have of them and its keys: others lock these without the lot."""
    numbers = [pool.pk for pool in found.pools]
    list(Pool.objects.locked().filter(pk__in=numbers).values_list("pk"))
    uais = [row.uai for row in found.rows if row.units]
    existing = Allocation.objects.active().filter(pool__in=numbers, school_id__in_array=uais)
    lock_allocations(list(existing.values_list("pk", flat=True)))


def _give(application: RenewalApplication, plan: ApplicationPlan, *, by: User | None, at: datetime.datetime) -> None:
    gifts: list[RenewalGift] = []
    for pool_id, planned in plan.group_by_pool().items():
        demands = [gift.demand for gift in planned]
        outcome = pools.allocate_many(pool_id=pool_id, demands=demands, by=by, at=at, notify_at=plan.notify_at)
        gifts += [
            RenewalGift(
                application=application,
                allocation_id=outcome.allocations[gift.row.uai],
                before=gift.before,
                after=gift.before + gift.added,
            )
            for gift in planned
        ]
    RenewalGift.objects.bulk_create(gifts)


@transaction.atomic
def undo_application(*, year: int, by: User | None, at: datetime.datetime) -> None:
    """Take back what an application gave, all or nothing, before the schools are told of it. Idempotent.

    Raises `WrongRenewalState` for a renewal that was never applied, `RenewalNotUndoable` with the reason.
    """
    renewal = Renewal.objects.locked().filter(school_year=year).first()
    application = queries.find_application(renewal)
    if renewal is None or application is None:
        if RenewalApplication.objects.filter(renewal=renewal).exists():
            return
        raise WrongRenewalState("Cette liste n'est pas attribuée : il n'y a rien à annuler.")
    if not application.is_undoable(at):
        day = formatting.long_date(date_in_paris(application.notify_at))
        raise RenewalNotUndoable(
            f"Les écoles sont prévenues depuis le {day} : reprenez ce qui doit l'être, école par école."
        )
    gifts = list(application.gifts.order_by("allocation_id"))
    numbers = [gift.allocation_id for gift in gifts]
    of_pools = Allocation.objects.filter(pk__in_array=numbers).values("pool")
    list(Pool.objects.locked().filter(pk__in=of_pools).values_list("pk"))
    allocations, _ = lock_allocations(numbers)
    for gift in gifts:
        _check_unchanged(gift, allocations[gift.allocation_id])
    mailing.hold_back(ALLOCATION_TOPIC, numbers)
    mailing.cancel(ALLOCATION_TOPIC, numbers, at, created_at=application.applied_at)
    created = [gift.allocation_id for gift in gifts if not gift.before]
    pools.revoke_many(allocation_ids=created, by=by, at=at, in_bulk=True)
    grown = [gift for gift in gifts if gift.before]
    for gift in grown:
        _set_back(allocations[gift.allocation_id], gift, by=by, at=at)
    _queue_earlier_letters({gift.allocation_id: allocations[gift.allocation_id] for gift in grown}, application, at)
    application.undone_at, application.undone_by_id = at, by.pk if by else None
    application.save(update_fields=["undone_at", "undone_by_id"])
    schools = formatting.pluralize(
        len(gifts), "école a de nouveau ce qu'elle avait", "écoles ont de nouveau ce qu'elles avaient"
    )
    save_change(read_list(year, at), action="application_undone", summary=f"annulée, {schools}", by=by, at=at)


def _check_unchanged(gift: RenewalGift, allocation: Allocation) -> None:
    name = school_forms(allocation.school.name).the
    if allocation.revoked_at is not None or allocation.units != gift.after:
        raise RenewalNotUndoable(f"Ce qu'a {name} a changé depuis : tout est annulé, ou rien.")
    if not gift.before and allocation.key.redeemed_at is not None:
        raise RenewalNotUndoable(f"{formatting.start_sentence(name)} a déjà activé sa clé : tout est annulé, ou rien.")


def _queue_earlier_letters(
    allocations: dict[int, Allocation], application: RenewalApplication, at: datetime.datetime
) -> None:
    """Queue anew the letters that were on their way before the keys grew: the growth had called them off."""
    before = Message.objects.filter(
        topic=ALLOCATION_TOPIC, topic_id__in_array=list(allocations), created_at__lt=application.applied_at
    )
    for letter in before.order_by("topic_id", "-pk").distinct("topic_id"):
        allocation = allocations[letter.topic_id or 0]
        if letter.state == MessageState.CANCELLED:
            mailing.enqueue(
                kind=letter.kind,
                recipient=letter.recipient,
                topic=ALLOCATION_TOPIC,
                topic_id=allocation.pk,
                about=school_label(allocation),
                context=letter.context,
                at=at,
                due_at=max(letter.due_at, at),
            )


def _set_back(allocation: Allocation, gift: RenewalGift, *, by: User | None, at: datetime.datetime) -> None:
    """Give an allocation the units that it had before; the caller has locked its pool, it and its key."""
    added = gift.after - gift.before
    name = school_forms(allocation.school.name).the
    if allocation.key.redeemed_at is None:
        shrink_many({allocation.key_id: gift.before})
    else:
        try:
            remove_seats(key_id=allocation.key_id, units=added)
        except LicencesInUse:
            raise RenewalNotUndoable(
                f"{formatting.start_sentence(name)} a déjà donné ses nouvelles licences à des enseignants : tout est "
                "annulé, ou rien."
            ) from None
    Allocation.objects.filter(pk=allocation.pk).update(units=gift.before)
    Pool.objects.filter(pk=allocation.pool_id).update(allocated=F("allocated") - added)
    audit_log.record(
        action=REDUCED_IN_BULK,
        by=by,
        at=at,
        summary=f"Reconduction annulée : {name} a de nouveau {formatting.pluralize(gift.before, 'licence')} du lot "
        f"« {allocation.pool.name} », avec la même clé.",
        school_id=allocation.school_id,
        object_type=ALLOCATION_TOPIC,
        object_id=allocation.pk,
    )
    webhooks.emit(events=events.build_reduced_events([(allocation, gift.before)], import_id=None), at=at)
