"""Reading of the orders' documents and payments, up to a day, for many orders at once."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from django.db.models import F
from django.db.models.fields.json import KT

from core.calendar import date_in_paris, end_of_day
from licensing.accounting.journals import ClientAccount
from licensing.accounting.order_ledger import ClientPosting, MovementKind, OrderMovement, replay_order
from licensing.billing.models import Invoice, InvoiceKind
from licensing.orders.models import Order
from licensing.payments.models import Payment

#: Names of the columns that `_build_client` reads → of an invoice, whose snapshot says it as issued.
_CLIENT_OF_INVOICE = {
    "siret": KT("snapshot__buyer__siret"),
    "siren": KT("snapshot__buyer__siren"),
    "vat_number": KT("snapshot__buyer__vat_number"),
    "name": KT("snapshot__buyer__name"),
    "office": F("order__collectivity_id"),
    "person": F("order__placed_by_id"),
}


def load_postings(
    order_ids: Collection[int], *, until: datetime.date
) -> dict[int, dict[tuple[MovementKind, int], ClientPosting]]:
    """Return the postings of each order's movements up to the last day of a period. Three queries."""
    movements: dict[int, list[OrderMovement]] = defaultdict(list)
    invoices = Invoice.objects.filter(order__in=order_ids, issued_on__lte=until)
    for row in invoices.values(
        "pk", "order_id", "kind", "number", "issued_on", "issued_at", "total_ttc", **_CLIENT_OF_INVOICE
    ):
        amount = row["total_ttc"] if row["kind"] == InvoiceKind.INVOICE else -row["total_ttc"]
        movements[row["order_id"]].append(
            OrderMovement(
                on=row["issued_on"],
                at=row["issued_at"],
                kind=MovementKind.DOCUMENT,
                pk=row["pk"],
                amount=amount,
                number=row["number"],
                client=_build_client(row),
            )
        )
    payments = Payment.objects.filter(order__in=order_ids, recorded_at__lt=end_of_day(until))
    for pk, order_id, amount, recorded_at in payments.values_list("pk", "order_id", "amount", "recorded_at"):
        movements[order_id].append(
            OrderMovement(date_in_paris(recorded_at), recorded_at, MovementKind.PAYMENT, pk, amount)
        )
    buyers = Order.objects.filter(pk__in=order_ids).values(
        "pk", "siret", "siren", "vat_number",
        name=F("bill_name"), office=F("collectivity_id"), person=F("placed_by_id"),
    )  # fmt: skip
    return {row["pk"]: replay_order(row["pk"], movements[row["pk"]], buyer=_build_client(row)) for row in buyers}


def _build_client(row: Any) -> ClientAccount:
    """Return the client of a document: the payer's registration number, else the office or the account that ordered."""
    registered = row["siret"] or row["siren"] or row["vat_number"]
    if registered:
        number = f"C{registered}"
    elif row["office"]:
        number = f"COLL{row['office']}"
    else:
        number = f"ACH{row['person']}"
    return ClientAccount(number, row["name"])
