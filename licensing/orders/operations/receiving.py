"""Purchase orders that come in: as a scan that the operator looks at, or by post; confirming one issues its invoice."""

from __future__ import annotations

import datetime
import hashlib
from typing import TYPE_CHECKING

from django.db import transaction

from licensing.catalogue.operations import day_in_france
from licensing.orders import invoicing, preflight, rights
from licensing.orders.exceptions import (
    BadScan,
    IncompleteForInvoice,
    NoReason,
    NothingToCheck,
    NotInThisState,
)
from licensing.orders.models import Invoice, InvoiceKind, Order, OrderState, PurchaseOrderScan, ScanState
from licensing.orders.operations import journal, telling
from licensing.orders.operations.lapsing import lapse
from licensing.orders.operations.locking import locked
from licensing.orders.operations.placing import PROVISIONAL_DAYS
from web import typography

if TYPE_CHECKING:
    from accounts.models import User

#: A scanned page of good quality weighs a tenth of it. In bytes.
LARGEST_SCAN = 4 * 1024 * 1024
#: Uploads kept of one order: whoever sends more has not understood something, or fills our disks.
MOST_SCANS = 10
#: How the kinds of files that are taken begin, whatever their name says; and how that name may end.
_KINDS = (
    (b"%PDF-", "application/pdf", (".pdf",)),
    (b"\xff\xd8\xff", "image/jpeg", (".jpg", ".jpeg")),
    (b"\x89PNG\r\n\x1a\n", "image/png", (".png",)),
)
_NAME_LENGTH = PurchaseOrderScan._meta.get_field("filename").max_length or 0  # noqa: SLF001 - documented access


@transaction.atomic
def receive_scan(*, order_id: int, filename: str, content: bytes, by: User, at: datetime.datetime) -> PurchaseOrderScan:
    """Keep the signed purchase order that the buyer uploaded; the countdown stops until the operator has looked.

    Another one takes the place of the one that waits; the same one sent twice is there once. After a lapse the rights
    come back once it is accepted, not before. Raises `BadScan` or `NotInThisState`.
    """
    (content_type, endings), sha256 = _kind_of(content), hashlib.sha256(content).hexdigest()
    order = locked(order_id)
    if order.state not in (OrderState.PLACED, OrderState.LAPSED):
        raise NotInThisState("Cette commande n'attend pas de bon de commande signé.")
    known = order.scans.filter(state=ScanState.WAITING, sha256=sha256).first()
    if known is not None:
        return known
    if order.scans.count() >= MOST_SCANS:
        raise BadScan(
            f"Vous avez déjà déposé {MOST_SCANS} documents pour cette commande : écrivez-nous, ou envoyez le bon de "
            "commande par courrier."
        )
    lapse(order, at=at)
    order.scans.filter(state=ScanState.WAITING).update(
        state=ScanState.REFUSED, reason="Remplacé par un nouvel envoi.", decided_at=at, decided_by=by
    )
    scan = PurchaseOrderScan.objects.create(
        order=order,
        filename=_named(filename, endings),
        content_type=content_type,
        content=content,
        sha256=sha256,
        received_at=at,
        received_from=by,
    )
    if order.state == OrderState.PLACED:
        rights.await_payment(order, until=_countdown_end(order), at=at)
    journal.record(order, "scan_received", "bon de commande signé déposé, à vérifier.", by=by, at=at)
    return scan


@transaction.atomic
def refuse_scan(*, scan_id: int, reason: str, by: User, at: datetime.datetime) -> Order:
    """Tell the buyer that what was uploaded is no signed purchase order; the countdown goes on where it was.

    Returns the order. Raises `NothingToCheck` or `NoReason`.
    """
    reason = reason.strip()
    if not reason:
        raise NoReason("Dites pourquoi ce document ne convient pas : l'acheteur le lira.")
    order_id = PurchaseOrderScan.objects.values_list("order_id", flat=True).filter(pk=scan_id).first()
    if order_id is None:
        raise NothingToCheck("Ce document n'existe pas.")
    order = locked(order_id)
    refused = order.scans.filter(pk=scan_id, state=ScanState.WAITING).update(
        state=ScanState.REFUSED, reason=reason, decided_at=at, decided_by=by
    )
    if not refused:
        raise NothingToCheck("Ce document a déjà été vérifié, ou remplacé par un autre.")
    if order.state == OrderState.PLACED:
        rights.count_down(order, until=_countdown_end(order), at=at)
    journal.record(order, "scan_refused", f"bon de commande déposé refusé : {reason}", by=by, at=at)
    telling.tell_buyer(order, telling.SCAN_REFUSED, at=at, scan=scan_id)
    return order


@transaction.atomic
def confirm(*, order_id: int, by: User, at: datetime.datetime) -> Invoice:
    """Take note that the signed purchase order came in, by post or as a scan: issue the invoice, and return it.

    A lapsed order gets its rights back. Confirming twice is the same as once. Raises `NotInThisState` or
    `IncompleteForInvoice`.
    """
    order = locked(order_id)
    if order.state == OrderState.CONFIRMED:
        return live_invoice(order)
    if order.state not in (OrderState.PLACED, OrderState.LAPSED):
        raise NotInThisState(f"{order} : {order.get_state_display().lower()}. Aucun bon de commande n'est attendu.")
    missing = preflight.of_order(order).missing
    if missing:
        raise IncompleteForInvoice(
            f"La facture ne peut pas encore être émise. {' '.join(one.sentence for one in missing)}"
        )
    scan = order.scans.defer("content").filter(state=ScanState.WAITING).first()
    order.scans.filter(state=ScanState.WAITING).update(state=ScanState.ACCEPTED, decided_at=at, decided_by=by)
    order.state, order.confirmed_at = OrderState.CONFIRMED, at
    order.received_at = at if scan is None else scan.received_at
    order.save(update_fields=["state", "confirmed_at", "received_at"])
    invoice = invoicing.issue(order, at=at)
    stopped = rights.stood_still(order, at=at)
    rights.await_payment(order, until=rights_after(order, invoice), at=at)
    # What the operator suspended stays so.
    resumed = stopped and not rights.stood_still(order, at=at)
    journal.record(
        order,
        "confirmed",
        f"bon de commande reçu, facture {invoice.number} émise ({typography.euros(invoice.total_ttc)}).",
        by=by,
        at=at,
    )
    telling.tell_buyer(order, telling.INVOICED, at=at, invoice=invoice.pk, resumed=resumed)
    return invoice


def live_invoice(order: Order) -> Invoice:
    """Return the order's invoice that no credit note cancels. Raises `Invoice.DoesNotExist`."""
    return order.invoices.get(kind=InvoiceKind.INVOICE, credit__isnull=True)


def rights_after(order: Order, invoice: Invoice) -> datetime.date:
    """Return the day up to which rights run for an invoice that is not paid; past it the operator is asked.

    What the operator prolonged, and told the buyer, is never cut short.
    """
    until = order.lines.select_related("source").get().source.temporary_until
    return max(until or invoice.issued_on, invoice.issued_on + datetime.timedelta(days=PROVISIONAL_DAYS))


def _countdown_end(order: Order) -> datetime.date:
    """Return the last day of the order's provisional rights: as they were prolonged, or 45 days after it was placed."""
    source = order.lines.select_related("source").get().source
    if source.temporary_until is not None:
        return source.temporary_until
    assert order.placed_at is not None  # noqa: S101 - the database holds it for a placed order
    return day_in_france(order.placed_at) + datetime.timedelta(days=PROVISIONAL_DAYS)


def _kind_of(content: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the type of what was uploaded, and how the name of such a file ends. Raises `BadScan`."""
    if len(content) > LARGEST_SCAN:
        raise BadScan(
            f"Ce fichier dépasse {LARGEST_SCAN // 1024 // 1024} Mo : numérisez-le en moins fin, ou en noir et blanc."
        )
    for beginning, content_type, endings in _KINDS:
        if content.startswith(beginning):
            return content_type, endings
    raise BadScan("Ce fichier n'est ni un PDF ni une photo (JPEG ou PNG) : numérisez le bon de commande signé.")


def _named(filename: str, endings: tuple[str, ...]) -> str:
    """Return the file's own name, which ends as its kind does: whoever saves it opens it by that name."""
    name = filename.replace("\\", "/").rpartition("/")[2] or "bon-de-commande"
    if name.lower().endswith(endings):
        return name[-_NAME_LENGTH:]
    return name[len(endings[0]) - _NAME_LENGTH :] + endings[0]
