"""Personal data in orders: exported on request, erased when the account is closed.

Placed orders and their invoices are accounting records, kept for ten years; drafts are not.
"""

import datetime
from collections.abc import Collection
from typing import Any

from accounts.models import User
from licensing.orders import order_events
from licensing.orders.billing_details import BILLING_COLUMNS
from licensing.orders.models import UNPAID_STATES, ContractWithdrawal, Order, OrderKind, OrderState, PurchaseOrderScan


def cancel_drafts(user: User, *, addresses: Collection[str], at: datetime.datetime) -> None:
    """Cancel the user's shop drafts, and erase the billing details of orders that were never placed.

    A collectivity's drafts stay, without the user's e-mail `addresses`. A card payment that still arrives for a
    cancelled draft is refunded.
    """
    never_placed = Order.objects.filter(placed_by=user, placed_at__isnull=True)
    drafts = never_placed.filter(kind=OrderKind.SHOP, state=OrderState.DRAFT)
    for order in drafts.locked():
        order.change(state=OrderState.CANCELLED, cancelled_at=at, cancellation_reason="Compte supprimé.")
        order_events.record(order, "discarded", "abandonnée avec le compte qui l'avait commencée.", by=user, at=at)
    never_placed.filter(kind=OrderKind.SHOP).update(**dict.fromkeys(BILLING_COLUMNS, ""))
    never_placed.filter(kind=OrderKind.PURCHASE, bill_email__in=addresses).update(bill_email="")


def list_unpaid_orders(user: User) -> list[Order]:
    """Return the shop orders that the user placed and that are not paid. One query."""
    orders = Order.objects.filter(placed_by=user, kind=OrderKind.SHOP, state__in=UNPAID_STATES)
    return list(orders.order_by("pk"))


def export_personal_data(user: User) -> dict[str, Any]:
    """Return the user's orders, for themselves, a school or a collectivity, for the data export. Four queries."""
    orders = (
        Order.objects.sales()
        .filter(placed_by=user)
        .select_related("collectivity", "school")
        .prefetch_related("lines")
        .order_by("pk")
    )
    scans = PurchaseOrderScan.objects.filter(uploaded_by=user).order_by("pk")
    withdrawn = dict(ContractWithdrawal.objects.filter(by=user).values_list("order", "at"))
    return {
        "commandes": [
            {
                "commande n°": order.pk,
                "pour": str(order.collectivity or order.school or ""),
                "licences": [
                    {"désignation": line.description, "nombre": line.quantity, "reprises": line.taken_back}
                    for line in order.lines.all()
                ],
                "montant TTC": order.total_ttc,
                "avoirs partiels": order.credited,
                "état": order.get_state_display(),
                "commencée le": order.created_at,
                "passée le": order.placed_at,
                "réglée le": order.paid_at,
                "conditions générales acceptées le": order.terms_accepted_at,
                "renonciation au contrat le": withdrawn.get(order.pk),
                "facturation": {
                    "qui paie": order.get_payer_display(),
                    "nom": order.bill_name,
                    "adresse": order.bill_address,
                    "adresse suite": order.bill_address_extra,
                    "code postal": order.bill_postal_code,
                    "ville": order.bill_city,
                    "pays": order.bill_country,
                    "numéro de TVA": order.vat_number,
                    "adresse e-mail": order.bill_email,
                },
            }
            for order in orders
        ],
        "bons de commande signés déposés": [
            {"commande n°": scan.order_id, "fichier": scan.filename, "déposé le": scan.received_at}
            for scan in scans.defer("content")
        ],
    }
