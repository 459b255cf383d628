"""Operations on renewals: edit, decline, order, give to the schools, undo.

Lock order: renewal → pool → allocation → key. The order that a renewal makes is new: nobody waits for its row.
"""

import datetime
from collections.abc import Mapping
from typing import Literal

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from core import formatting
from core.calendar import PARIS, date_in_paris
from core.exceptions import DomainError, Refusal
from core.formatting import format_school_year, school_forms
from licensing.catalogue import pricing
from licensing.catalogue.pricing import NotOnSale
from licensing.orders import operations as orders
from licensing.orders.models import Order
from licensing.plans.renewals import queries
from licensing.plans.renewals.application_plan import ApplicationPlan, build_plan
from licensing.plans.renewals.models import (
    EDITABLE_STATES,
    MAX_REASON,
    MAX_UNITS,
    Renewal,
    RenewalApplication,
    RenewalGift,
    RenewalLine,
    RenewalOrder,
    RenewalState,
)
from licensing.plans.renewals.queries import RenewalList, RenewalRow, read_list
from licensing.plans.undo import UndoneAction, set_back
from licensing.pools import operations as pools
from licensing.pools import reductions
from licensing.pools.checks import lock_allocations
from licensing.pools.emails import build_message
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, Pool
from mailing import operations as mailing
from mailing.models import Message, MessageState
from tenants.models import Collectivity


class RenewalChanged(DomainError):
    """Another member changed the list, or what it is computed from, since it was shown."""

    code = "renewal_changed"


#: `AuditEntry.object_type` of a renewal.
OBJECT_TYPE = "renewal"
_UNDONE = UndoneAction("renewal_not_undoable", "Reconduction annulée")
_STATE_WORDS = {
    RenewalState.OPEN: "la liste n'est pas encore commandée",
    RenewalState.QUOTED: "un devis en tient le prix : passez la commande, ou abandonnez-la d'abord",
    RenewalState.ORDERED: "la liste est commandée",
    RenewalState.APPLIED: "la liste est déjà attribuée aux écoles",
    RenewalState.DECLINED: "la reconduction est laissée sans suite : rouvrez-la d'abord",
}


def lock_renewal(year: int, version: int, *states: RenewalState, at: datetime.datetime) -> RenewalList:
    """Lock the renewal's row, made where there is none, and return the list as it stands.

    `version`: the one that was shown. Raises `RenewalChanged`, or `Refusal` where its year is not open or it is in none
    of these states.
    """
    if year not in queries.list_years(date_in_paris(at)):
        raise Refusal("renewal_not_open", _describe_closed(year, date_in_paris(at)))
    Renewal.objects.get_or_create(school_year=year, defaults={"changed_at": at})
    locked = Renewal.objects.locked().get(school_year=year)
    if locked.version != version:
        when = formatting.long_moment(locked.changed_at.astimezone(PARIS))
        raise RenewalChanged(
            f"La liste a été changée le {when}, pendant que vous la lisiez. Rien n'est fait : relisez-la, elle est à "
            "jour ici."
        )
    found = read_list(year, at)
    if found.state not in states:
        raise Refusal("wrong_renewal_state", f"Rien n'est fait : {_STATE_WORDS[found.state]}.")
    return found


def _get_renewal(found: RenewalList) -> Renewal:
    assert found.renewal is not None  # noqa: S101 - locked, so made
    return found.renewal


def save_change(found: RenewalList, *, action: str, summary: str, by: User | None, at: datetime.datetime) -> Renewal:
    """Count a change of the locked renewal, and record it in the journal; return the renewal."""
    renewal = _get_renewal(found)
    renewal.version += 1
    renewal.changed_at, renewal.changed_by_id = at, by.pk if by else None
    renewal.save()
    audit_log.record(
        action=f"renewals.{action}",
        by=by,
        at=at,
        summary=f"Reconduction {format_school_year(renewal.school_year)} : {summary}.",
        object_type=OBJECT_TYPE,
        object_id=renewal.pk,
    )
    return renewal


def _describe_closed(year: int, day: datetime.date) -> str:
    opening = queries.get_opening_day(year)
    if day < opening:
        return f"La reconduction {format_school_year(year)} s'ouvre le {formatting.long_date(opening)}."
    return f"La reconduction {format_school_year(year)} n'est plus ouverte."


@transaction.atomic
def order_renewal(
    *, collectivity: Collectivity, year: int, version: int, units: int, by: User, at: datetime.datetime
) -> Order:
    """Draft the order of what the list lacks, issue its quote, and keep the list as it is ordered; return the order.

    `units`: how many the page showed. Raises `RenewalChanged`, `NotOnSale` or `Refusal`, having changed nothing.
    """
    found = lock_renewal(year, version, RenewalState.OPEN, at=at)
    if found.to_order != units:
        raise RenewalChanged(
            f"La liste demande maintenant {formatting.pluralize(found.to_order, 'licence')}, et non "
            f"{formatting.number(units)}. Rien n'est commandé : relisez-la."
        )
    if not units:
        raise Refusal(
            "nothing_to_order",
            "Vos écoles ont déjà toutes ces licences, ou vos lots les ont libres : rien à commander.",
        )
    if find_year_on_sale(year, date_in_paris(at)) is None:
        raise NotOnSale(
            f"Les tarifs {format_school_year(year)} ne sont pas encore publiés : votre liste est gardée, commandez-la "
            "dès qu'ils le sont."
        )
    draft = orders.create_collectivity_draft(collectivity=collectivity, units=units, by=by, at=at, ends_in=year)
    order = orders.issue_quote(order_id=draft.pk, by=by, at=at)
    renewal = _get_renewal(found)
    RenewalOrder.objects.filter(renewal=renewal, replaced_at=None).update(replaced_at=at)
    RenewalOrder.objects.create(renewal=renewal, order=order, ordered_at=at, ordered_by_id=by.pk)
    keep_list(renewal, found)
    ordered = formatting.pluralize(units, "licence")
    save_change(found, action="ordered", summary=f"devis {order.quote_number} établi pour {ordered}", by=by, at=at)
    return order


def find_year_on_sale(year: int, day: datetime.date) -> int | None:
    """Return the school year if its licences have a price on that day, None where the year on sale is another."""
    found = pricing.get_year_on_sale(day, year)
    return year if found is not None and found.ends_on.year == year and pricing.list_bands(found) else None


def keep_list(renewal: Renewal, found: RenewalList) -> None:
    """Keep every number of the list: from now on it is what was bought, whatever becomes of the running year."""
    RenewalLine.objects.filter(renewal=renewal, typed=False).delete()
    kept = (row for row in found.rows if row.units and not row.typed)
    RenewalLine.objects.bulk_create(
        RenewalLine(renewal=renewal, school_id=row.uai, units=row.units, typed=False) for row in kept
    )


#: What a list can be set to as a whole: this year's numbers, the proposal again, nothing.
type EverySchool = Literal["this_year", "proposal", "nothing"]
_WORDS = {
    "this_year": "chaque école comme cette année",
    "proposal": "chaque école comme proposé",
    "nothing": "rien pour aucune école",
}


@transaction.atomic
def edit_lines(
    *, year: int, version: int, units: Mapping[str, int | None], by: User | None, at: datetime.datetime
) -> RenewalList:
    """Set the numbers of schools; return the list. None, or the number proposed: it follows the proposal again.

    Raises `RenewalChanged` or `Refusal`, having changed nothing. What changes nothing is no change.
    """
    found = lock_renewal(year, version, *EDITABLE_STATES, at=at)
    typed: dict[str, int] = {}
    dropped: list[str] = []
    for uai, number in units.items():
        row = _check(found.by_uai.get(uai), uai, number)
        wanted = row.proposed if number is None else number
        if found.state == RenewalState.OPEN and wanted == row.proposed:
            if row.typed:
                dropped.append(uai)
        elif wanted != row.units:
            typed[uai] = wanted
    if not typed and not dropped:
        return found
    _write(found, typed, dropped)
    changed = formatting.pluralize(len(typed) + len(dropped), "école changée", "écoles changées")
    return _finish(found, changed, by=by, at=at)


@transaction.atomic
def edit_all(*, year: int, version: int, choice: EverySchool, by: User | None, at: datetime.datetime) -> RenewalList:
    """Set the numbers of all schools at once; return the list. Raises what `edit_lines` raises."""
    found = lock_renewal(year, version, *EDITABLE_STATES, at=at)
    wanted = {row.uai: _choose(row, choice) for row in found.rows}
    is_open = found.state == RenewalState.OPEN
    typed = {
        uai: number
        for uai, number in wanted.items()
        if number != (found.by_uai[uai].proposed if is_open else found.by_uai[uai].units)
    }
    dropped = [row.uai for row in found.rows if is_open and row.typed and row.uai not in typed]
    _write(found, typed, dropped)
    return _finish(found, _WORDS[choice], by=by, at=at)


def _choose(row: RenewalRow, choice: EverySchool) -> int:
    if row.use.is_closed or choice == "nothing":
        return 0
    return min(row.given, MAX_UNITS) if choice == "this_year" else row.proposed


def _check(row: RenewalRow | None, uai: str, number: int | None) -> RenewalRow:
    if row is None:
        raise Refusal(
            "invalid_renewal_line",
            f"{uai} : cette école n'est ni dans votre liste, ni parmi celles qui ont des licences.",
        )
    if number is not None and not 0 <= number <= MAX_UNITS:
        raise Refusal("invalid_renewal_line", f"{row.name} : indiquez un nombre de licences, de 0 à {MAX_UNITS}.")
    if number and row.use.is_closed:
        raise Refusal(
            "invalid_renewal_line", f"{row.name} est fermée d'après l'annuaire : rien ne peut lui être attribué."
        )
    return row


def _write(found: RenewalList, typed: Mapping[str, int], dropped: list[str]) -> None:
    renewal = _get_renewal(found)
    gone = RenewalLine.objects.filter(renewal=renewal)
    gone.filter(school_id__in=dropped).delete()
    if found.state == RenewalState.OPEN:
        # Kept for an order that was cancelled since.
        gone.filter(typed=False).delete()
    RenewalLine.objects.bulk_create(
        (RenewalLine(renewal=renewal, school_id=uai, units=number) for uai, number in typed.items()),
        update_conflicts=True,
        unique_fields=["renewal", "school"],
        update_fields=["units", "typed"],
    )


def _finish(found: RenewalList, what: str, *, by: User | None, at: datetime.datetime) -> RenewalList:
    after = read_list(found.year, at)
    total = formatting.pluralize(after.total, "licence en tout", "licences en tout")
    save_change(after, action="edited", summary=f"{what}, {total}", by=by, at=at)
    return after


@transaction.atomic
def decline_renewal(*, year: int, version: int, reason: str, by: User | None, at: datetime.datetime) -> Renewal:
    """Decline a renewal that is open, with a sentence that the office's members read; return it.

    Raises `Refusal`, `RenewalChanged`.
    """
    sentence = " ".join(reason.split())
    if not sentence:
        raise Refusal(
            "invalid_reason", "Dites en une phrase pourquoi rien n'est reconduit : les membres du bureau la liront."
        )
    if len(sentence) > MAX_REASON:
        raise Refusal("invalid_reason", f"{MAX_REASON} caractères au plus : ici, {len(sentence)}. Abrégez.")
    found = lock_renewal(year, version, RenewalState.OPEN, at=at)
    renewal = _get_renewal(found)
    renewal.declined_at, renewal.declined_by_id = at, by.pk if by else None
    renewal.decline_reason = sentence
    return save_change(found, action="declined", summary=f"laissée sans suite, « {sentence} »", by=by, at=at)


@transaction.atomic
def reopen_renewal(*, year: int, version: int, by: User | None, at: datetime.datetime) -> Renewal:
    """Open a renewal again that was declined; return it. Raises what `decline_renewal` raises of its state."""
    found = lock_renewal(year, version, RenewalState.DECLINED, at=at)
    renewal = _get_renewal(found)
    renewal.declined_at = renewal.declined_by_id = None
    renewal.decline_reason = ""
    return save_change(found, action="reopened", summary="rouverte", by=by, at=at)


# Give a list to its schools, as a whole, and undo that before they are told.
#
# Lock order: renewal → pools → allocations → keys → subscriptions → seats.


@transaction.atomic
def apply_renewal(
    *, year: int, version: int, expected: str, by: User | None, at: datetime.datetime
) -> RenewalApplication:
    """Give each school of the list what it lacks, all or nothing; the schools are told on 1 September.

    `expected`: the fingerprint of the plan that was shown. Raises `RenewalChanged` where it is another by now,
    `Refusal`, or what `allocate_many` raises, having changed nothing.
    """
    found = lock_renewal(year, version, *EDITABLE_STATES, at=at)
    _lock_all(found)
    found = read_list(year, at)
    plan = build_plan(found, at)
    if plan.fingerprint != expected:
        raise RenewalChanged("Ce qui va se passer a changé depuis que vous l'avez lu. Rien n'est fait : relisez-le.")
    if plan.is_refused:
        raise Refusal("renewal_refused", f"{' '.join(plan.refusals)} Rien n'est fait.")
    renewal = _get_renewal(found)
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

    Raises `Refusal` where it was never applied, or with the reason.
    """
    renewal = Renewal.objects.locked().filter(school_year=year).first()
    application = queries.find_application(renewal)
    if renewal is None or application is None:
        if RenewalApplication.objects.filter(renewal=renewal).exists():
            return
        raise Refusal("wrong_renewal_state", "Cette liste n'est pas attribuée : il n'y a rien à annuler.")
    if not application.is_undoable(at):
        day = formatting.long_date(date_in_paris(application.notify_at))
        raise Refusal(
            _UNDONE.code,
            f"Les écoles sont prévenues depuis le {day} : reprenez ce qui doit l'être, école par école.",
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
    reductions.revoke_many(allocation_ids=created, by=by, at=at, in_bulk=True)
    grown = [gift for gift in gifts if gift.before]
    for gift in grown:
        allocation = allocations[gift.allocation_id]
        set_back(allocation, _UNDONE, before=gift.before, after=gift.after, by=by, at=at)
    _queue_earlier_letters({gift.allocation_id: allocations[gift.allocation_id] for gift in grown}, application, at)
    application.undone_at, application.undone_by_id = at, by.pk if by else None
    application.save(update_fields=["undone_at", "undone_by_id"])
    schools = formatting.pluralize(
        len(gifts), "école a de nouveau ce qu'elle avait", "écoles ont de nouveau ce qu'elles avaient"
    )
    save_change(read_list(year, at), action="application_undone", summary=f"annulée, {schools}", by=by, at=at)


def _check_unchanged(gift: RenewalGift, allocation: Allocation) -> None:
    if allocation.revoked_at is not None or allocation.units != gift.after:
        raise _UNDONE.refuse_changed(allocation)
    if not gift.before and allocation.key.redeemed_at is not None:
        name = formatting.start_sentence(school_forms(allocation.school.name).the)
        raise _UNDONE.refuse(f"{name} a déjà activé sa clé")


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
            message = build_message(allocation, letter.kind, letter.context)._replace(recipient=letter.recipient)
            mailing.enqueue_many([message], at=at, due_at=max(letter.due_at, at))
