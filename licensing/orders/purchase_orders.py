"""Purchase orders: reminders until they are received, and their scans.

The operator accepts a scan by confirming the order, or refuses it.
"""

import datetime
import hashlib
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import User
from core import formatting
from core.calendar import PARIS, date_in_paris
from core.exceptions import Refusal
from licensing.orders import order_events, rights
from licensing.orders.exceptions import InvalidOrderDate, NoReason
from licensing.orders.models import (
    OWED_STATES,
    UNSIGNED_STATES,
    Order,
    OrderEvent,
    OrderReminder,
    OrderState,
    PurchaseOrderScan,
    ScanState,
)
from licensing.orders.order_events import lock_order

# The countdown: reminders while the purchase order is awaited, then the lapse, unless the operator prolongs it.
#
# The rights themselves end at midnight of their date, whether or not the periodic task runs: it records and notifies.

#: An order annotated by `_counting_down`; the stubs cannot name that type across functions.
type CountingDown = Any


#: Days after the order on which its buyer is reminded; as many days before the end where the rights were prolonged
#: or shortened.
REMINDER_DAYS = (30, 40, 44)
#: Hour in Paris before which nobody is reminded.
_FIRST_HOUR = 8
#: Events whose e-mail already states the end of the rights: reminders due by then would repeat it.
_STATES_END_OF_RIGHTS = ("placed", "rights_opened", "prolonged", "scan_refused", "started")


def remind_and_lapse(at: datetime.datetime) -> tuple[int, int]:
    """Send due reminders and lapse expired orders; return how many of each.

    Run late, it sends the latest reminder only. Idempotent, also for concurrent workers. A failing order does not
    block the others: failures are raised at the end as an exception group.
    """
    today = date_in_paris(at)
    expired_ids = list(_counting_down().filter(ends__lt=today).values_list("pk", flat=True))
    ending_soon = _counting_down().filter(
        ends__range=(today, today + datetime.timedelta(days=_days_left_at(REMINDER_DAYS[0])))
    )
    is_day = at.astimezone(PARIS).hour >= _FIRST_HOUR
    to_remind = [order.pk for order in ending_soon if is_day and _due_reminders(order, today)]
    failures: list[Exception] = []
    done = []
    for step, numbers in ((_remind, to_remind), (_lapse, expired_ids)):
        count = 0
        for order_id in numbers:
            try:
                count += step(order_id, at)
            except Exception as failure:  # noqa: BLE001 - raised below
                failures.append(failure)
        done.append(count)
    if failures:
        raise ExceptionGroup("Orders whose countdown could not go on", failures)
    return done[0], done[1]


def lapse_if_expired(order: Order, *, at: datetime.datetime) -> bool:
    """Lapse an order if its provisional rights have expired; return whether it lapsed. The caller holds the lock.

    Also called by operations that run between midnight and the next run of the periodic task.
    """
    if order.state != OrderState.PLACED:
        return False
    until = rights.get_entitlement(order).provisional_until
    if until is None or until >= date_in_paris(at):
        return False
    order.change(state=OrderState.LAPSED, lapsed_at=at)
    summary = "aucun bon de commande signé reçu : les droits temporaires ont pris fin. Rien n'est supprimé."
    order_events.record(order, "lapsed", summary, by=None, at=at, email=order_events.LAPSED)
    return True


@transaction.atomic
def prolong(*, order_id: int, until: datetime.date, by: User, at: datetime.datetime) -> Order:
    """Extend the temporary rights of an order to a later day, inclusive; return it.

    A lapsed order starts a new countdown, with its reminders; no countdown runs while a scan waits to be checked.
    Raises `Refusal` or `InvalidOrderDate`.
    """
    order = lock_order(order_id)
    if order.state not in OWED_STATES:
        raise order.refuse_state("Il n'y a pas de droits temporaires.")
    entitlement = rights.get_entitlement(order)
    if until < date_in_paris(at):
        raise InvalidOrderDate(f"Le {formatting.long_date(until)} est passé : choisissez un jour à venir.")
    if until > entitlement.last_day:
        raise InvalidOrderDate(
            f"Les licences s'arrêtent le {formatting.long_date(entitlement.last_day)} : choisissez un jour d'ici là."
        )
    current_until = entitlement.temporary_until
    if current_until is not None and until <= current_until:
        raise InvalidOrderDate(
            f"Les droits courent déjà jusqu'au {formatting.long_date(current_until)} inclus : choisissez un jour plus"
            " tard."
        )
    if order.state == OrderState.CONFIRMED or order.scans.filter(state=ScanState.WAITING).exists():
        rights.await_payment(order, until=until)
    else:
        rights.start_countdown(order, until=until)
        order.reminders.all().delete()
    resumed = {"state": OrderState.PLACED, "lapsed_at": None} if order.state == OrderState.LAPSED else {}
    order.change(prolonged_until=until, **resumed)
    summary = f"droits temporaires prolongés jusqu'au {formatting.long_date(until)} inclus."
    order_events.record(order, "prolonged", summary, by=by, at=at, email=order_events.PROLONGED)
    return order


def _days_left_at(day: int) -> int:
    """Return how many days of rights are left on the day of a reminder."""
    return rights.PROVISIONAL_DAYS - day


def _counting_down() -> QuerySet[CountingDown]:
    """Return the orders whose countdown runs: a scan that waits to be checked stops it."""
    announcements = OrderEvent.objects.filter(order=OuterRef("pk"), action__in=_STATES_END_OF_RIGHTS).order_by(
        "-at", "-pk"
    )
    return (
        Order.objects.filter(state=OrderState.PLACED, lines__entitlement__provisional_until__isnull=False)
        .annotate(
            ends=F("lines__entitlement__provisional_until"),
            announced_at=Coalesce(Subquery(announcements.values("at")[:1]), F("placed_at")),
            reminded=ArraySubquery(OrderReminder.objects.filter(order=OuterRef("pk")).values("day")),
        )
        .order_by("pk")
    )


def _due_reminders(order: CountingDown, today: datetime.date) -> list[int]:
    """Return the reminders that are due and not yet sent, the latest last."""
    days_left, total_days = (order.ends - today).days, (order.ends - date_in_paris(order.announced_at)).days
    last_sent = max(order.reminded, default=0)
    return [day for day in REMINDER_DAYS if day > last_sent and days_left <= _days_left_at(day) < total_days]


@transaction.atomic
def _remind(order_id: int, at: datetime.datetime) -> int:
    lock_order(order_id)
    order = _counting_down().filter(pk=order_id, ends__gte=date_in_paris(at)).first()
    due = _due_reminders(order, date_in_paris(at)) if order is not None else []
    if order is None or not due:
        return 0
    OrderReminder.objects.bulk_create(OrderReminder(order=order, day=day, sent_at=at) for day in due)
    summary = f"rappel du {due[-1]}e jour envoyé à l'acheteur."
    order_events.record(order, "reminded", summary, by=None, at=at, email=order_events.REMINDER, day=due[-1])
    return 1


@transaction.atomic
def _lapse(order_id: int, at: datetime.datetime) -> int:
    return int(lapse_if_expired(lock_order(order_id), at=at))


#: In bytes: ten times a scanned page of good quality.
MAX_SCAN_BYTES = 4 * 1024 * 1024
#: Maximum number of uploads stored for one order.
MAX_SCANS_PER_ORDER = 10
#: And of one person in a day, for all orders: 80 MB.
MAX_SCANS_PER_DAY = 20
#: The reason of a scan that another upload replaced, which nobody refused.
REPLACED = "Remplacé par un nouvel envoi."
#: Accepted file types: magic number, content type, extensions.
_FILE_TYPES = (
    (b"%PDF-", "application/pdf", (".pdf",)),
    (b"\xff\xd8\xff", "image/jpeg", (".jpg", ".jpeg")),
    (b"\x89PNG\r\n\x1a\n", "image/png", (".png",)),
)
_NAME_LENGTH = PurchaseOrderScan._meta.get_field("filename").max_length or 0  # noqa: SLF001 - documented access


@transaction.atomic
def receive_scan(*, order_id: int, filename: str, content: bytes, by: User, at: datetime.datetime) -> PurchaseOrderScan:
    """Store an uploaded signed purchase order, and stop the countdown until the operator has checked it.

    It replaces the one that waits, if any; an identical upload is stored once. After a lapse, the rights resume only
    once it is accepted. Raises `Refusal`. An order keeps 40 MB at most, a person adds 80 MB a day.
    """
    (content_type, extensions), sha256 = _detect_type(content), hashlib.sha256(content).hexdigest()
    order = lock_order(order_id)
    if order.state not in UNSIGNED_STATES:
        raise Refusal("not_in_this_state", "Cette commande n'attend pas de bon de commande signé.")
    known = order.scans.filter(state=ScanState.WAITING, sha256=sha256).first()
    if known is not None:
        return known
    if order.scans.count() >= MAX_SCANS_PER_ORDER:
        raise Refusal(
            "invalid_scan",
            f"Vous avez déjà déposé {MAX_SCANS_PER_ORDER} documents pour cette commande : écrivez-nous, ou envoyez le"
            " bon de commande par courrier.",
        )
    since = at - datetime.timedelta(days=1)
    if PurchaseOrderScan.objects.filter(uploaded_by=by, received_at__gt=since).count() >= MAX_SCANS_PER_DAY:
        raise Refusal(
            "invalid_scan",
            f"Vous avez déjà déposé {MAX_SCANS_PER_DAY} documents depuis hier : reprenez demain, ou écrivez-nous.",
        )
    lapse_if_expired(order, at=at)
    order.scans.filter(state=ScanState.WAITING).update(
        state=ScanState.REFUSED, reason=REPLACED, decided_at=at, decided_by=by
    )
    scan = PurchaseOrderScan.objects.create(
        order=order,
        filename=_clean_filename(filename, extensions),
        content_type=content_type,
        content=content,
        sha256=sha256,
        received_at=at,
        uploaded_by=by,
    )
    if order.state == OrderState.PLACED:
        rights.await_payment(order, until=_countdown_end(order))
    summary = "bon de commande signé déposé, à vérifier."
    order_events.record(order, "scan_received", summary, by=by, at=at, email=order_events.SCAN_RECEIVED, scan=scan.pk)
    return scan


@transaction.atomic
def refuse_scan(*, scan_id: int, reason: str, by: User, at: datetime.datetime) -> Order:
    """Refuse an uploaded purchase order, notify the buyer and resume the countdown; return the order.

    Raises `Refusal` or `NoReason`.
    """
    reason = reason.strip()
    if not reason:
        raise NoReason("Dites pourquoi ce document ne convient pas : l'acheteur le lira.")
    order_id = PurchaseOrderScan.objects.values_list("order_id", flat=True).filter(pk=scan_id).first()
    if order_id is None:
        raise Refusal("nothing_to_check", "Ce document n'existe pas.")
    order = lock_order(order_id)
    refused = order.scans.filter(pk=scan_id, state=ScanState.WAITING).update(
        state=ScanState.REFUSED, reason=reason, decided_at=at, decided_by=by
    )
    if not refused:
        raise Refusal("nothing_to_check", "Ce document a déjà été vérifié, ou remplacé par un autre.")
    if order.state == OrderState.PLACED:
        rights.start_countdown(order, until=_countdown_end(order))
    summary = f"bon de commande déposé refusé : {reason}"
    order_events.record(order, "scan_refused", summary, by=by, at=at, email=order_events.SCAN_REFUSED, scan=scan_id)
    return order


def _countdown_end(order: Order) -> datetime.date:
    """Return the last day of the order's provisional rights: as they are, else as they were when it was placed."""
    entitlement = rights.get_entitlement(order)
    if entitlement.temporary_until is not None:
        return entitlement.temporary_until
    assert order.placed_at is not None  # noqa: S101 - the database holds it for a placed order
    return rights.get_provisional_end(order, date_in_paris(order.placed_at))


def _detect_type(content: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the content type of an upload and its extensions, from its first bytes. Raises `Refusal`."""
    if len(content) > MAX_SCAN_BYTES:
        raise Refusal(
            "invalid_scan",
            f"Ce fichier dépasse {MAX_SCAN_BYTES // 1024 // 1024} Mo : numérisez-le en moins fin, ou en noir et blanc.",
        )
    for magic, content_type, extensions in _FILE_TYPES:
        if content.startswith(magic):
            return content_type, extensions
    raise Refusal(
        "invalid_scan", "Ce fichier n'est ni un PDF ni une photo (JPEG ou PNG) : numérisez le bon de commande signé."
    )


def _clean_filename(filename: str, extensions: tuple[str, ...]) -> str:
    """Return the file's base name, truncated and with an extension that matches its type."""
    name = filename.replace("\\", "/").rpartition("/")[2] or "bon-de-commande"
    if name.lower().endswith(extensions):
        return name[-_NAME_LENGTH:]
    return name[len(extensions[0]) - _NAME_LENGTH :] + extensions[0]
