"""An order as the operator reads it: its state, and what the sentences of `back_office/order/` say of it."""

import datetime
import functools
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from accounts.queries import list_confirmed_addresses
from licensing.books.billing.queries import get_amount_received, get_balance
from licensing.entitlements.models import Entitlement, Seat
from licensing.entitlements.wording import describe_review, describe_start
from licensing.orders import payers, rights
from licensing.orders.billing_details import find_expected_treatment
from licensing.orders.models import ContractWithdrawal, Order, OrderState, PurchaseOrderScan, ScanState
from licensing.orders.purchase_orders import REPLACED
from licensing.orders.queries import get_refund_deadline
from licensing.payments.credits import price_licences
from licensing.payments.queries import get_surplus
from schools.models import Affiliation

AWAITING_PURCHASE_ORDER = (OrderState.PLACED, OrderState.LAPSED)


def describe_state(order: Order) -> str:
    """Return the state of an order in a few words, on every page the same, with its signed purchase order's.

    One query for an order without `under_review`, which lists annotate by `is_under_review`.
    """
    if order.state in AWAITING_PURCHASE_ORDER and _is_under_review(order):
        return describe_review(suspended=order.state == OrderState.LAPSED)
    return order.get_state_display()


def _is_under_review(order: Order) -> bool:
    known = vars(order).get("under_review")
    return order.scans.filter(state=ScanState.WAITING).exists() if known is None else bool(known)


def list_entitlements(order: Order) -> list[Entitlement]:
    """Return the order's entitlements, one per line."""
    return list(Entitlement.objects.filter(order_line__order=order).order_by("pk"))


def get_waiting_scan(order: Order) -> PurchaseOrderScan | None:
    """Return the signed purchase order awaiting review, without its content; None if there is none."""
    return order.scans.filter(state=ScanState.WAITING).defer("content").first()


def list_refused_scans(order: Order) -> QuerySet[PurchaseOrderScan]:
    """Return the uploads that the operator refused, the latest first, without their content."""
    refused = order.scans.filter(state=ScanState.REFUSED).exclude(reason=REPLACED)
    return refused.defer("content").order_by("-decided_at", "-pk")


def list_references(order: Order) -> list[str]:
    """Return the references of a public payer or a business that the order has, each with its name."""
    named = (
        ("SIRET", order.siret),
        ("SIREN", order.siren),
        ("service", order.service_code),
        ("engagement", order.engagement_number),
    )
    return [f"{name} {value}" for name, value in named if value]


def describe_unknown_payer(order: Order) -> str:
    """Return which references a public payer may ask and the order has not, in a sentence."""
    references = {"code service": order.service_code, "numéro d'engagement": order.engagement_number}
    lacking = [name for name, value in references.items() if not value]
    if len(lacking) == 1:
        what = f"Le {lacking[0]} manque, et ce payeur public peut le demander."
    else:
        what = f"Le {' et le '.join(lacking)} manquent, et ce payeur public peut les demander."
    return f"{what} Voyez le bon signé : la facture ne changera plus."


def list_order_readers(today: datetime.date) -> dict[str, Callable[[Order], Any]]:
    """Return what the sentences about an order are made of."""
    # Each is one query however many of these read it.
    balance, entitlements = functools.cache(get_balance), functools.cache(list_entitlements)
    return {
        "awaits_purchase_order": lambda order: order.state in AWAITING_PURCHASE_ORDER,
        "balance": balance,
        "check": payers.check_order,
        "earlier_end": lambda order: _find_earlier_end(entitlements(order)[0], today),
        "entitlements": entitlements,
        "excess": lambda order: -balance(order),
        "expected_treatment": lambda order: find_expected_treatment(order).label,
        "held": lambda order: (
            Seat.objects.held().filter(subscription__key__entitlement__order_line__order=order).count()
        ),
        "invoice": lambda order: order.invoices.current().first(),
        "is_address_confirmed": lambda order: (
            order.placed_by is not None and order.placed_by.email in list_confirmed_addresses(order.placed_by.pk)
        ),
        "is_paid_by_card": lambda order: order.payments.filter(card__isnull=False).exists(),
        "is_suspended": lambda order: any(entitlement.suspended_at for entitlement in entitlements(order)),
        "licence_price": lambda order: price_licences(order.lines.get(), 1),
        "licences": lambda order: sum(line.quantity for line in order.lines.all()),
        "line": lambda order: order.lines.order_by("pk").first(),
        "provisional_days": lambda _: rights.PROVISIONAL_DAYS,
        "provisional_end": lambda order: rights.get_provisional_end(order, today),
        "received": get_amount_received,
        "references": list_references,
        "refund_deadline": _find_refund_deadline,
        "rejected": lambda order: order.invoices.rejected().first(),
        "rights": lambda order: [_describe_right(entitlement, today) for entitlement in entitlements(order)],
        "scan": get_waiting_scan,
        "surplus": get_surplus,
        "takeable": lambda order: rights.count_takeable(order.lines.select_related("entitlement__collectivity").get()),
        "typed_schools": _list_typed_schools,
        "unknown_payer": describe_unknown_payer,
    }


def _list_typed_schools(order: Order) -> list[str]:
    """Return the schools that the buyer typed by hand, each with its address."""
    return [
        f"« {typed.name} », {' '.join(filter(None, (typed.address, typed.postal_code, typed.city)))}"
        for typed in Affiliation.objects.filter(user=order.placed_by_id, school__isnull=True).order_by("pk")
    ]


def _find_refund_deadline(order: Order) -> datetime.date | None:
    """Return until when a consumer who withdrew is refunded; None for the other cancelled orders."""
    withdrawal = ContractWithdrawal.objects.filter(order=order).first()
    return get_refund_deadline(withdrawal.at) if withdrawal else None


def _find_earlier_end(entitlement: Entitlement, today: datetime.date) -> datetime.date | None:
    """Return the end of provisional rights that begin today; None where it is that which they have."""
    until, sooner = entitlement.provisional_until, rights.get_end_once_started(entitlement, today)
    return sooner if until is not None and sooner is not None and sooner < until else None


def _describe_right(entitlement: Entitlement, today: datetime.date) -> tuple[Entitlement, str, bool, int]:
    """Return an entitlement, from when it may be used if that is to come, whether it is over, and its days left."""
    left = (entitlement.provisional_until - today).days if entitlement.provisional_until else 0
    return entitlement, describe_start(entitlement, today), entitlement.over_on(today), left
