"""Purchase orders: reminders until they are received, and their scans.

The operator accepts a scan by confirming the order, or refuses it.
"""

from __future__ import annotations

import datetime
import hashlib

from django.db import transaction

from accounts.models import User
from core.calendar import date_in_paris
from licensing.orders import rights
from licensing.orders.exceptions import (
    BadScan,
    NoReason,
    NothingToCheck,
    NotInThisState,
)
from licensing.orders.models import Order, OrderState, PurchaseOrderScan, ScanState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.countdown import lapse_if_expired
from licensing.orders.operations.locks import lock_order

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
    once it is accepted. Raises `BadScan` or `NotInThisState`. An order keeps 40 MB at most, a person adds 80 MB a day.
    """
    (content_type, extensions), sha256 = _detect_type(content), hashlib.sha256(content).hexdigest()
    order = lock_order(order_id)
    if order.state not in (OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED):
        raise NotInThisState("Cette commande n'attend pas de bon de commande signé.")
    known = order.scans.filter(state=ScanState.WAITING, sha256=sha256).first()
    if known is not None:
        return known
    if order.scans.count() >= MAX_SCANS_PER_ORDER:
        raise BadScan(
            f"Vous avez déjà déposé {MAX_SCANS_PER_ORDER} documents pour cette commande : écrivez-nous, ou envoyez le"
            " bon de commande par courrier."
        )
    since = at - datetime.timedelta(days=1)
    if PurchaseOrderScan.objects.filter(uploaded_by=by, received_at__gt=since).count() >= MAX_SCANS_PER_DAY:
        raise BadScan(
            f"Vous avez déjà déposé {MAX_SCANS_PER_DAY} documents depuis hier : reprenez demain, ou écrivez-nous."
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
    order_events.record(order, "scan_received", "bon de commande signé déposé, à vérifier.", by=by, at=at)
    notifications.notify_buyer(order, notifications.SCAN_RECEIVED, at=at, scan=scan.pk)
    return scan


@transaction.atomic
def refuse_scan(*, scan_id: int, reason: str, by: User, at: datetime.datetime) -> Order:
    """Refuse an uploaded purchase order, notify the buyer and resume the countdown; return the order.

    Raises `NothingToCheck` or `NoReason`.
    """
    reason = reason.strip()
    if not reason:
        raise NoReason("Dites pourquoi ce document ne convient pas : l'acheteur le lira.")
    order_id = PurchaseOrderScan.objects.values_list("order_id", flat=True).filter(pk=scan_id).first()
    if order_id is None:
        raise NothingToCheck("Ce document n'existe pas.")
    order = lock_order(order_id)
    refused = order.scans.filter(pk=scan_id, state=ScanState.WAITING).update(
        state=ScanState.REFUSED, reason=reason, decided_at=at, decided_by=by
    )
    if not refused:
        raise NothingToCheck("Ce document a déjà été vérifié, ou remplacé par un autre.")
    if order.state == OrderState.PLACED:
        rights.start_countdown(order, until=_countdown_end(order))
    order_events.record(order, "scan_refused", f"bon de commande déposé refusé : {reason}", by=by, at=at)
    notifications.notify_buyer(order, notifications.SCAN_REFUSED, at=at, scan=scan_id)
    return order


def _countdown_end(order: Order) -> datetime.date:
    """Return the last day of the order's provisional rights: as they are, else as they were when it was placed."""
    entitlement = rights.get_entitlement(order)
    if entitlement.temporary_until is not None:
        return entitlement.temporary_until
    assert order.placed_at is not None  # noqa: S101 - the database holds it for a placed order
    return rights.get_provisional_end(order, date_in_paris(order.placed_at))


def _detect_type(content: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the content type of an upload and its extensions, from its first bytes. Raises `BadScan`."""
    if len(content) > MAX_SCAN_BYTES:
        raise BadScan(
            f"Ce fichier dépasse {MAX_SCAN_BYTES // 1024 // 1024} Mo : numérisez-le en moins fin, ou en noir et blanc."
        )
    for magic, content_type, extensions in _FILE_TYPES:
        if content.startswith(magic):
            return content_type, extensions
    raise BadScan("Ce fichier n'est ni un PDF ni une photo (JPEG ou PNG) : numérisez le bon de commande signé.")


def _clean_filename(filename: str, extensions: tuple[str, ...]) -> str:
    """Return the file's base name, truncated and with an extension that matches its type."""
    name = filename.replace("\\", "/").rpartition("/")[2] or "bon-de-commande"
    if name.lower().endswith(extensions):
        return name[-_NAME_LENGTH:]
    return name[len(extensions[0]) - _NAME_LENGTH :] + extensions[0]
