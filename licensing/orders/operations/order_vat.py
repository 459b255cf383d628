"""VAT of an order's lines, from its payer's place until the operator corrects it. The caller locks the order."""

from __future__ import annotations

from collections.abc import Sequence

from core.money import add_vat, extract_vat, sum_amounts
from licensing.catalogue.models import Product
from licensing.orders.exceptions import NotInvoiceable
from licensing.orders.models import Order, OrderKind, OrderLine
from licensing.orders.operations.billing_details import prefill_billing_details
from licensing.orders.vat import Vat, VatTreatment, find_treatment, get_vat
from tenants.models import Collectivity

_LINE_FIELDS = (
    "unit_ht", "vat_rate", "vat_category", "vat_reason", "vat_reason_code", "total_ht", "total_vat", "total_ttc",
)  # fmt: skip


def find_expected_treatment(order: Order) -> VatTreatment:
    """Return the treatment by the payer's place: as entered, else as it would be proposed."""
    place = prefill_billing_details(order)
    try:
        return find_treatment(country=place.country, postal_code=place.postal_code, vat_number=place.vat_number)
    except NotInvoiceable:
        # A school's country as somebody typed it; the checkout asks for one that is known.
        return VatTreatment.METROPOLITAN


def find_collectivity_vat(collectivity: Collectivity, product: Product) -> Vat:
    """Return the VAT of a price that a collectivity looks at, before it drafts an order."""
    treatment = find_expected_treatment(Order(kind=OrderKind.PURCHASE, collectivity=collectivity))
    return get_vat(treatment, product_rate=product.vat_rate)


def set_treatment(order: Order, lines: Sequence[OrderLine], treatment: VatTreatment, *, exemption: str = "") -> None:
    """Set the treatment, and with it rates and amounts, on the order and its lines, without saving them.

    A school pays the same whatever the rate, a collectivity the same HT. `exemption`: what documents state under
    `VatTreatment.EXEMPT`.
    """
    order.vat_treatment = treatment
    all_amounts = []
    for line in lines:
        vat = get_vat(treatment, product_rate=line.product.vat_rate, exemption=exemption)
        line.vat_rate, line.vat_category = vat.rate, vat.category
        line.vat_reason, line.vat_reason_code = vat.reason, vat.reason_code
        if order.kind == OrderKind.SHOP:
            amounts = extract_vat(line.total_ttc, vat.rate)
            # A tier is billed as one unit.
            line.unit_ht = amounts.ht
        else:
            amounts = add_vat(line.total_ht, vat.rate)
        line.total_ht, line.total_vat, line.total_ttc = amounts
        all_amounts.append(amounts)
    order.total_ht, order.total_vat, order.total_ttc = sum_amounts(all_amounts)


def apply_treatment(order: Order, treatment: VatTreatment, *, exemption: str = "") -> None:
    """Set the treatment and save the lines; the caller saves the order."""
    lines = list(order.lines.select_related("product").order_by("pk"))
    set_treatment(order, lines, treatment, exemption=exemption)
    for line in lines:
        line.save(update_fields=_LINE_FIELDS)


def apply_vat_of_payer(order: Order) -> None:
    """Tax an order by the place of its payer, which must be valid; the caller saves it.

    Where the treatment stays the same nothing changes: a quote holds its rate.
    """
    treatment = find_treatment(
        country=order.bill_country, postal_code=order.bill_postal_code, vat_number=order.vat_number
    )
    if treatment != order.vat_treatment:
        apply_treatment(order, treatment)


def preview_vat(order: Order, line: OrderLine, *, country: str, postal_code: str, vat_number: str) -> None:
    """Tax a draft, in memory only, by the address that its page shows; an unknown country changes nothing."""
    try:
        treatment = find_treatment(country=country, postal_code=postal_code, vat_number=vat_number)
    except NotInvoiceable:
        return
    set_treatment(order, [line], treatment)
