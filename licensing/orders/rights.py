"""The rights that an order opens, and for how long. They follow the order's state.

The rights of an order are its entitlements, one per line. Everything reads validity from them, so that one date stops
or restores sixty thousand keys at once, and nothing is deleted. Called by `operations`, which hold the order's lock, in
the transaction that changes its state.
"""

import datetime

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Least
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities import audit_log
from collectivities.letters import schedule_renewal_reminder, schedule_weekly_letter
from core import formatting
from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement, SuspensionCause
from licensing.entitlements.operations import create_shop_subscription
from licensing.entitlements.seat_holders import list_unused_seats, remove_seats
from licensing.entitlements.wording import describe_start
from licensing.orders.models import Order, OrderLine
from licensing.pools import key_emails, reductions
from licensing.pools.models import Pool

#: Days of free use from the opening of the rights on, or from their first day (guide, section 3).
PROVISIONAL_DAYS = 45
_PROVISIONAL_PERIOD = datetime.timedelta(days=PROVISIONAL_DAYS)


def open_rights(order: Order, *, until: datetime.date | None, by: User | None, at: datetime.datetime) -> None:
    """Create the entitlement of each line: with a pool for a collectivity, with a subscription for a shop buyer.

    `until`: the last day of the provisional rights; None if the order is paid and its rights firm at once. The database
    rejects a second entitlement for a line.
    """
    for line in order.lines.select_related("product", "school_year").order_by("pk"):
        entitlement = create_entitlement(order, line, until=until, at=at)
        if order.collectivity is not None:
            _open_pool(order, line, entitlement, by=by, at=at)
        else:
            _credit_buyer(order, line, entitlement, at=at)


def open_provisional_rights(order: Order, *, by: User | None, at: datetime.datetime) -> datetime.date:
    """Open rights that end by themselves after `PROVISIONAL_DAYS`; return their last day."""
    until = get_provisional_end(order, date_in_paris(at))
    open_rights(order, until=until, by=by, at=at)
    return until


def get_provisional_end(order: Order, day: datetime.date) -> datetime.date:
    """Return the last of the `PROVISIONAL_DAYS` of an order of one line that begin on a day.

    They begin with the first day of its licences if that is later, unless the seller chose otherwise for the year.
    """
    line = order.lines.select_related("school_year", "entitlement").get()
    year = line.school_year
    first_day = line.entitlement.first_day if line.entitlement is not None else year.get_first_day(day)
    start = day if year.countdown_from_order else max(day, first_day)
    return min(start + _PROVISIONAL_PERIOD, year.ends_on)


def describe_provisional_rights(order: Order, day: datetime.date) -> str:
    """Return the end of the order's event that opens provisional rights, such as « placed »."""
    entitlement = get_entitlement(order)
    start, until = describe_start(entitlement, day), entitlement.provisional_until
    if start and until is not None:
        return f"licences utilisables {start}, à titre temporaire jusqu'au {formatting.long_date(until)} au plus."
    return f"droits temporaires ouverts pour {formatting.pluralize(PROVISIONAL_DAYS, 'jour')} au plus."


def create_entitlement(
    order: Order, line: OrderLine, *, until: datetime.date | None, at: datetime.datetime
) -> Entitlement:
    """Create the entitlement of a line of a placed order and attach it; return it.

    Its provenance is copied from the order. Raises `IntegrityError` if the line has an entitlement already.
    """
    last_day = line.school_year.ends_on
    line.entitlement = Entitlement.objects.create(
        kind=order.kind,
        number=order.pk,
        bought_on=date_in_paris(order.placed_at or at),
        reason=order.reason,
        collectivity=order.collectivity,
        product=line.product,
        first_day=line.school_year.get_first_day(date_in_paris(at)),
        last_day=last_day,
        provisional_until=None if until is None else min(until, last_day),
    )
    line.save(update_fields=["entitlement"])
    return line.entitlement


def get_entitlement(order: Order) -> Entitlement:
    """Return the entitlement of an order of one line. Raises `Entitlement.DoesNotExist` before rights are opened."""
    return _entitlements(order).get()


def await_payment(order: Order, *, until: datetime.date) -> None:
    """Stop the countdown: the purchase order was received and the payment is awaited, so no right ends by itself.

    `until`: the day shown to users, after which the operator decides. A suspension stays in force.
    """
    _entitlements(order).update(provisional_until=None, unpaid_until=Least(Value(until), F("last_day")))
    release_emails(order)


def await_payment_again(order: Order, *, until: datetime.date) -> None:
    """Undo `make_firm` once a payment is reversed: a suspension that it lifted is in force again."""
    await_payment(order, until=until)
    lifted = _entitlements(order).filter(lifted_suspension_at__isnull=False)
    lifted.filter(suspended_at__isnull=True).update(
        suspended_at=F("lifted_suspension_at"), suspension_cause=SuspensionCause.UNPAID
    )
    lifted.update(lifted_suspension_at=None)


def start_countdown(order: Order, *, until: datetime.date) -> None:
    """Start the countdown: the rights end the day after `until` unless the purchase order is received."""
    _entitlements(order).update(provisional_until=Least(Value(until), F("last_day")), unpaid_until=None)
    release_emails(order)


def make_firm(order: Order) -> None:
    """Make the rights of a paid order firm, and lift a suspension for want of payment; another stays in force."""
    _entitlements(order).filter(suspension_cause=SuspensionCause.UNPAID).update(
        lifted_suspension_at=F("suspended_at"), suspended_at=None, suspension_cause=""
    )
    _entitlements(order).update(provisional_until=None, unpaid_until=None)
    release_emails(order)


def has_start_to_come(order: Order, day: datetime.date) -> bool:
    """Return whether the first day of the order's licences is after `day`."""
    return _entitlements(order).filter(first_day__gt=day).exists()


def start_on(order: Order, day: datetime.date) -> None:
    """Move a first day to come to an earlier one; provisional rights that it began are counted from that day on."""
    counted = Q(provisional_until__isnull=False) & Q(provisional_until=F("first_day") + _PROVISIONAL_PERIOD)
    upcoming = _entitlements(order).filter(first_day__gt=day)
    upcoming.filter(counted).update(provisional_until=Least(Value(day + _PROVISIONAL_PERIOD), F("last_day")))
    upcoming.update(first_day=day)


def get_end_once_started(entitlement: Entitlement, day: datetime.date) -> datetime.date | None:
    """Return the end of provisional rights once `start_on` moved their first day to a day; None if they are not."""
    until = entitlement.provisional_until
    if until != entitlement.first_day + _PROVISIONAL_PERIOD:
        return until
    return min(day + _PROVISIONAL_PERIOD, entitlement.last_day)


def is_suspended(order: Order, *, at: datetime.datetime) -> bool:
    """Return whether the order's rights are suspended at `at`, and may resume."""
    return any(entitlement.suspended_on(date_in_paris(at)) for entitlement in _entitlements(order))


def withdraw(order: Order, *, at: datetime.datetime) -> None:
    """End the rights of a cancelled order. Nothing is deleted: accounting rows and classes stay."""
    _entitlements(order).update(suspended_at=Coalesce("suspended_at", Value(at)), cancelled_at=at)
    release_emails(order)


def count_takeable(line: OrderLine) -> int:
    """Return how many licences of a line can be taken back at most: those that nobody has, one of all staying."""
    assert line.entitlement is not None  # noqa: S101 - an invoiced order
    if line.entitlement.collectivity is None:
        unused = list_unused_seats().filter(subscription__key__entitlement=line.entitlement).count()
    else:
        with tenant_context(line.entitlement.collectivity):
            unused = Pool.objects.get(entitlement=line.entitlement).free
    return min(unused, line.remaining - 1)


def take_back(line: OrderLine, licences: int, *, by: User, at: datetime.datetime) -> None:
    """Take licences of a line back: out of its pool, or of its buyer's subscription.

    Raises `LicencesInUse` if fewer are unused.
    """
    assert line.entitlement is not None  # noqa: S101 - an invoiced order
    if line.entitlement.collectivity is None:
        remove_seats(key_id=line.entitlement.keys.get().pk, units=licences)
    else:
        with tenant_context(line.entitlement.collectivity):
            reductions.take_back_capacity(entitlement_id=line.entitlement.pk, units=licences, by=by, at=at)
    line.taken_back += licences
    line.save(update_fields=["taken_back"])


def release_emails(order: Order) -> None:
    """Queue the release of the key e-mails that were held while the order's rights were suspended, if they are not now.

    The e-mails of a cancelled order are cancelled then.
    """
    if order.collectivity is not None:
        key_emails.queue_release(order.collectivity)


def _entitlements(order: Order) -> QuerySet[Entitlement]:
    return Entitlement.objects.filter(order_line__order=order)


def _open_pool(
    order: Order, line: OrderLine, entitlement: Entitlement, *, by: User | None, at: datetime.datetime
) -> None:
    """Create the pool in the schema of the collectivity."""
    assert order.collectivity is not None  # noqa: S101 - a purchase or a grant of a collectivity
    with tenant_context(order.collectivity):
        validity = (
            f"jusqu'au {formatting.long_date(entitlement.last_day)} inclus"
            if entitlement.provisional_until is None
            else (
                f"droits temporaires jusqu'au {formatting.long_date(entitlement.provisional_until)} inclus, dans"
                f" l'attente du bon de commande, puis jusqu'au {formatting.long_date(entitlement.last_day)}"
            )
        )
        if start := describe_start(entitlement, date_in_paris(at)):
            validity = f"utilisables {start}, {validity}"
        name = f"Achat {line.school_year} (commande n° {order.pk})"
        schedule_renewal_reminder(at)
        create_pool(line, entitlement, name=name, validity=f"{validity}.", by=by, at=at)


def create_pool(
    line: OrderLine, entitlement: Entitlement, *, name: str, validity: str, by: User | None, at: datetime.datetime
) -> Pool:
    """Create the pool of a line, in the schema of its collectivity, which the caller has entered; return it.

    `validity`: the end of its entry in the audit log.
    """
    pool = Pool.objects.create(entitlement=entitlement, name=name, capacity=line.quantity, opened_at=at)
    what = f" ouvert : {formatting.pluralize(line.quantity, 'licence')}, {validity}"
    _record_in_pool(pool, "pools.opened", what, by=by, at=at)
    schedule_weekly_letter(at)
    return pool


def record_in_pools(order: Order, action: str, what: str, *, by: User | None, at: datetime.datetime) -> None:
    """Record what happened to each pool of an order in the audit log of its collectivity, if it is one's."""
    if order.collectivity is None:
        return
    entitlements = list(_entitlements(order).values_list("pk", flat=True))
    with tenant_context(order.collectivity):
        for pool in Pool.objects.filter(entitlement_id__in=entitlements).order_by("pk"):
            _record_in_pool(pool, action, what, by=by, at=at)


def _record_in_pool(pool: Pool, action: str, what: str, *, by: User | None, at: datetime.datetime) -> None:
    audit_log.record(
        action=action,
        by=by,
        at=at,
        object_type="pool",
        object_id=pool.pk,
        summary=f"Lot « {pool.name} »{what}",
    )


def _credit_buyer(order: Order, line: OrderLine, entitlement: Entitlement, *, at: datetime.datetime) -> None:
    buyer = order.placed_by
    if buyer is None:
        raise ValueError(f"Order {order.pk} of the shop has no buyer.")
    # A buyer who has left the school since the draft keeps the purchase, without a school.
    affiliation = None if order.school_id is None else buyer.affiliations.filter(school=order.school_id).first()
    create_shop_subscription(entitlement=entitlement, buyer=buyer, affiliation=affiliation, units=line.quantity, at=at)
