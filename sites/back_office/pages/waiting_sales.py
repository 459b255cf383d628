"""Sales that wait for the operator: signed orders to check, invoices and bank lines to settle, invoices to deposit.

Each function returns the oldest `limit` of its kind by a fixed number of queries.
"""

from __future__ import annotations

import datetime
from decimal import Decimal

from django.db.models import Count, F, Sum
from django.urls import reverse

from core.calendar import PARIS, date_in_paris
from core.formatting import euros, pluralize, short_date
from licensing.bank.models import LineState, StatementLine
from licensing.billing import invoicing
from licensing.billing.models import Invoice, InvoiceKind
from licensing.orders.models import ZERO, Order, OrderState, PurchaseOrderScan, ScanState
from licensing.payments.models import Payment
from sites.back_office.pages.waiting import WaitingItem, WaitingPart

#: Slugs of the lists whose items are orders, as their pages have them in their addresses.
TO_CHECK, TO_COLLECT = "verifier", "encaisser"


def order_url(slug: str, order_id: int) -> str:
    """Return the page of an order that waits in that list."""
    return reverse("admin:waiting_order", args=[slug, order_id])


def get_client(order: Order) -> str:
    """Return whom the order is for: the collectivity, the school, else who pays."""
    return str(order.collectivity or order.school or order.bill_name)


def list_signed_orders(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the signed purchase orders to check."""
    # Orders of unknown buyers are checked first, whether their purchase order is there or not.
    scans = PurchaseOrderScan.objects.filter(state=ScanState.WAITING).exclude(order__state=OrderState.IN_REVIEW)
    summed = scans.aggregate(count=Count("pk"), total=Sum("order__total_ttc"))
    today = date_in_paris(now)
    oldest = scans.select_related("order__collectivity", "order__school").defer("content")
    items = [
        WaitingItem(
            label="Bon de commande signé",
            client=get_client(scan.order),
            detail=f"{scan.order}, payeur : {scan.order.bill_name}",
            url=order_url(TO_CHECK, scan.order_id),
            since=date_in_paris(scan.received_at),
            moment=scan.received_at.astimezone(PARIS),
            today=today,
            amount=scan.order.total_ttc,
        )
        for scan in oldest.order_by("received_at", "pk")[:limit]
    ]
    return WaitingPart(summed["count"], items, summed["total"] or ZERO)


def list_reviews(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the orders of unknown buyers, whose rights the operator opens or not."""
    orders = Order.objects.filter(state=OrderState.IN_REVIEW)
    summed = orders.aggregate(count=Count("pk"), total=Sum("total_ttc"))
    today = date_in_paris(now)
    items = [
        WaitingItem(
            label="Acheteur hors annuaire",
            client=order.bill_name,
            detail=f"{order} : ouvrir ses droits, ou la refuser",
            url=order_url(TO_CHECK, order.pk),
            since=date_in_paris(order.placed_at or order.created_at),
            moment=(order.placed_at or order.created_at).astimezone(PARIS),
            today=today,
            amount=order.total_ttc,
        )
        for order in orders.order_by("placed_at", "pk")[:limit]
    ]
    return WaitingPart(summed["count"], items, summed["total"] or ZERO)


def list_unpaid(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the invoices to be paid, with what is left to pay of each."""
    orders = Order.objects.filter(state=OrderState.CONFIRMED)
    summed = orders.aggregate(count=Count("pk"), total=Sum(F("total_ttc") - F("credited")))
    received = Payment.objects.filter(order__state=OrderState.CONFIRMED).aggregate(total=Sum("amount"))["total"]
    total = (summed["total"] or ZERO) - (received or ZERO)
    oldest = list(orders.select_related("collectivity", "school").order_by("confirmed_at", "pk")[:limit])
    invoices = {
        invoice.order_id: invoice
        for invoice in Invoice.objects.current().filter(order__in=oldest).only("order", "number", "due_on")
    }
    paid = _sum_payments([order.pk for order in oldest])
    today = date_in_paris(now)
    items = [_describe_unpaid(order, invoices.get(order.pk), paid.get(order.pk, ZERO), today) for order in oldest]
    return WaitingPart(summed["count"], items, total)


def _describe_unpaid(order: Order, invoice: Invoice | None, paid: Decimal, today: datetime.date) -> WaitingItem:
    parts = [f"{euros(paid)} déjà reçus"] if paid else []
    late = (today - invoice.due_on).days if invoice else 0
    if invoice:
        parts.append(f"échéance le {short_date(invoice.due_on)}")
    if late > 0:
        parts.append(f"en retard de {pluralize(late, 'jour')}")
    return WaitingItem(
        label=f"Facture {invoice}" if invoice else str(order),
        client=get_client(order),
        detail=" ; ".join([f"payeur : {order.bill_name}", *parts]),
        url=order_url(TO_COLLECT, order.pk),
        since=date_in_paris(order.confirmed_at or order.created_at),
        moment=(order.confirmed_at or order.created_at).astimezone(PARIS),
        today=today,
        amount=order.owed - paid,
        is_late=late > 0,
    )


def _sum_payments(order_ids: list[int]) -> dict[int, Decimal]:
    sums = Payment.objects.filter(order__in=order_ids).order_by().values("order").annotate(received=Sum("amount"))
    return dict(sums.values_list("order", "received"))


def list_bank_lines(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the lines of bank statements to match with orders. They add nothing to what is owed."""
    lines = StatementLine.objects.filter(state=LineState.WAITING)
    today = date_in_paris(now)
    items = [
        WaitingItem(
            label="Ligne de relevé bancaire",
            client=line.party or line.label,
            detail="à rapprocher d'une commande",
            url=reverse("admin:bank_statementline_choice", args=[line.pk]),
            since=line.booked_on,
            today=today,
            amount=line.amount - line.booked_amount - line.set_aside_amount,
        )
        for line in lines.order_by("booked_on", "pk")[:limit]
    ]
    return WaitingPart(lines.count(), items)


def list_deposits(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the invoices and credit notes to deposit at Chorus Pro or at an approved platform."""
    # One scan of the invoices for their number, their sum and the oldest of them.
    waiting = list(invoicing.list_undeposited().values_list("pk", "kind", "total_ttc"))
    total = sum((_sign(kind, amount) for _, kind, amount in waiting), ZERO)
    oldest = Invoice.objects.filter(pk__in=[pk for pk, _, _ in waiting[:limit]]).select_related("order").defer("xml")
    today = date_in_paris(now)
    items = [
        WaitingItem(
            label=f"{invoice.get_kind_display()} {invoice}",
            client=str(invoice.snapshot["buyer"]["name"]),
            detail=" ; ".join(_describe_deposit(invoice)),
            url=reverse("admin:billing_invoice_change", args=[invoice.pk]),
            since=invoice.issued_on,
            today=today,
            amount=_sign(invoice.kind, invoice.total_ttc),
        )
        for invoice in oldest.order_by("year", "sequence")
    ]
    return WaitingPart(len(waiting), items, total)


def _describe_deposit(invoice: Invoice) -> list[str]:
    """Return where it is to be deposited, and whether it is paid already."""
    route = [f"à déposer : {invoice.route.label}"] if invoice.route else []
    is_paid = invoice.kind == InvoiceKind.INVOICE and invoice.order.state == OrderState.PAID
    return [*route, *(["déjà réglée"] if is_paid else [])]


def _sign(kind: str, amount: Decimal) -> Decimal:
    return amount if kind == InvoiceKind.INVOICE else -amount
