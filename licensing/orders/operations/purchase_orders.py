"""Signed purchase orders: uploaded as a scan that the operator checks, or sent by post; confirming invoices."""

from __future__ import annotations

import datetime
import hashlib
from typing import TYPE_CHECKING

from django.db import transaction

from core import formatting
from core.calendar import date_in_paris
from licensing.billing import invoicing
from licensing.billing.models import Invoice, InvoiceKind
from licensing.orders import preflight, rights
from licensing.orders.exceptions import (
    BadScan,
    IncompleteForInvoice,
    NoReason,
    NothingToCheck,
    NotInThisState,
)
from licensing.orders.models import Order, OrderState, PurchaseOrderScan, ScanState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.countdown import lapse_if_expired
from licensing.orders.operations.locks import lock_order
from licensing.orders.operations.placement import PROVISIONAL_DAYS

if TYPE_CHECKING:
    from accounts.models import User

#: In bytes: ten times a scanned page of good quality.
MAX_SCAN_BYTES = 4 * 1024 * 1024
#: Maximum number of uploads stored for one order.
MAX_SCANS_PER_ORDER = 10
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
    once it is accepted. Raises `BadScan` or `NotInThisState`.
    """
    (content_type, extensions), sha256 = _detect_type(content), hashlib.sha256(content).hexdigest()
    order = lock_order(order_id)
    if order.state not in (OrderState.PLACED, OrderState.LAPSED):
        raise NotInThisState("Cette commande n'attend pas de bon de commande signé.")
    known = order.scans.filter(state=ScanState.WAITING, sha256=sha256).first()
    if known is not None:
        return known
    if order.scans.count() >= MAX_SCANS_PER_ORDER:
        raise BadScan(
            f"Vous avez déjà déposé {MAX_SCANS_PER_ORDER} documents pour cette commande : écrivez-nous, ou envoyez le"
            " bon de commande par courrier."
        )
    lapse_if_expired(order, at=at)
    order.scans.filter(state=ScanState.WAITING).update(
        state=ScanState.REFUSED, reason="Remplacé par un nouvel envoi.", decided_at=at, decided_by=by
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
        rights.await_payment(order, until=_countdown_end(order), at=at)
    order_events.record(order, "scan_received", "bon de commande signé déposé, à vérifier.", by=by, at=at)
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
        rights.start_countdown(order, until=_countdown_end(order), at=at)
    order_events.record(order, "scan_refused", f"bon de commande déposé refusé : {reason}", by=by, at=at)
    notifications.notify_buyer(order, notifications.SCAN_REFUSED, at=at, scan=scan_id)
    return order


@transaction.atomic
def confirm(*, order_id: int, by: User, at: datetime.datetime) -> Invoice:
    """Confirm that the signed purchase order was received, by post or as a scan; issue the invoice and return it.

    A lapsed order gets its rights back. Idempotent. Raises `NotInThisState` or `IncompleteForInvoice`.
    """
    order = lock_order(order_id)
    if order.state == OrderState.CONFIRMED:
        return get_current_invoice(order)
    if order.state not in (OrderState.PLACED, OrderState.LAPSED):
        raise NotInThisState(f"{order} : {order.get_state_display().lower()}. Aucun bon de commande n'est attendu.")
    missing = preflight.check_order(order).missing
    if missing:
        raise IncompleteForInvoice(
            f"La facture ne peut pas encore être émise. {' '.join(one.sentence for one in missing)}"
        )
    scan = order.scans.defer("content").filter(state=ScanState.WAITING).first()
    order.scans.filter(state=ScanState.WAITING).update(state=ScanState.ACCEPTED, decided_at=at, decided_by=by)
    order.state, order.confirmed_at = OrderState.CONFIRMED, at
    order.received_at = at if scan is None else scan.received_at
    order.save(update_fields=["state", "confirmed_at", "received_at"])
    invoice = invoicing.issue_invoice(order, at=at)
    was_suspended = rights.is_suspended(order, at=at)
    rights.await_payment(order, until=get_rights_end(order, invoice), at=at)
    # A suspension by the operator stays in force.
    resumed = was_suspended and not rights.is_suspended(order, at=at)
    order_events.record(
        order,
        "confirmed",
        f"bon de commande reçu, facture {invoice.number} émise ({formatting.euros(invoice.total_ttc)}).",
        by=by,
        at=at,
    )
    notifications.notify_buyer(order, notifications.INVOICED, at=at, invoice=invoice.pk, resumed=resumed)
    return invoice


def get_current_invoice(order: Order) -> Invoice:
    """Return the order's invoice not cancelled by a credit note. Raises `Invoice.DoesNotExist`."""
    return order.invoices.get(kind=InvoiceKind.INVOICE, credit__isnull=True)


def get_rights_end(order: Order, invoice: Invoice) -> datetime.date:
    """Return the last day of rights for an unpaid invoice; after it the operator decides.

    Never shortens rights that the operator prolonged.
    """
    until = order.lines.select_related("entitlement").get().entitlement.temporary_until
    return max(until or invoice.issued_on, invoice.issued_on + datetime.timedelta(days=PROVISIONAL_DAYS))


def _countdown_end(order: Order) -> datetime.date:
    """Return the last day of the order's provisional rights: as prolonged, else 45 days after it was placed."""
    entitlement = order.lines.select_related("entitlement").get().entitlement
    if entitlement.temporary_until is not None:
        return entitlement.temporary_until
    assert order.placed_at is not None  # noqa: S101 - the database holds it for a placed order
    return date_in_paris(order.placed_at) + datetime.timedelta(days=PROVISIONAL_DAYS)


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
