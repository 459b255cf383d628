"""Quote document (devis) that holds a draft's price. Accounts offices need it to commit the expense."""

from __future__ import annotations

import datetime

from django.db import transaction

from core import formatting
from core.calendar import date_in_paris
from core.documents import MARGIN, WIDTH
from licensing.billing.documents.layout import OrderDocumentPdf, format_seller_address
from licensing.billing.documents.storage import DocumentUnavailable, find_document, get_seller, store_document
from licensing.billing.invoicing.legal_notices import DAYS_TO_PAY
from licensing.billing.models import BillingDocument, BillingDocumentKind
from licensing.catalogue import terms
from licensing.catalogue.operations import get_product_summary
from licensing.catalogue.pricing import PUPILS_PER_CLASS
from licensing.orders import siret_numbers
from licensing.orders.models import Order, OrderKind, OrderLine
from licensing.orders.operations import needs_review
from licensing.orders.operations.billing_details import prefill_billing_details
from licensing.orders.rights import PROVISIONAL_DAYS


@transaction.atomic
def get_or_create_quote(order: Order, *, at: datetime.datetime) -> BillingDocument:
    """Return the stored quote of an order; render and store it if absent. Raises `DocumentUnavailable`."""
    order = Order.objects.locked().get(pk=order.pk)
    if not order.quote_number:
        raise DocumentUnavailable("Cette commande n'a pas de devis.")
    stored = find_document(BillingDocumentKind.QUOTE, order.quote_number)
    if stored is not None:
        return stored
    content = _render_quote(order, at=at)
    return store_document(content, kind=BillingDocumentKind.QUOTE, number=order.quote_number, order_id=order.pk, at=at)


def _render_quote(order: Order, *, at: datetime.datetime) -> bytes:
    seller = get_seller()
    lines = list(order.lines.select_related("school_year").order_by("pk"))
    sheet = OrderDocumentPdf(title="Devis", number=order.quote_number, seller=seller, at=at)
    quoted_on = date_in_paris(order.quoted_at or at)
    until = formatting.long_date(order.quote_until or quoted_on)
    sheet.head(
        "DEVIS",
        [
            f"n° {order.quote_number} du {formatting.long_date(quoted_on)}",
            f"Valable jusqu’au {until} inclus. Devis gratuit.",
        ],
    )
    sheet.parties(
        ("Vendeur", [*format_seller_address(seller), seller.phone, seller.email]), ("À l’attention de", _buyer(order))
    )
    sheet.beneficiary(order)
    sheet.orderer("Devis demandé par", order)
    sheet.lines(lines)
    sheet.totals(order, lines)
    _conditions(sheet, order, lines[0], quoted_on, until)
    return bytes(sheet.output())


def _buyer(order: Order) -> list[str]:
    """Return the addressee: the known billing details, with the buyer's name as fallback."""
    bill = prefill_billing_details(order)
    buyer_name = order.placed_by.get_full_name() if order.placed_by else ""
    lines = [
        bill.name or buyer_name,
        bill.address,
        bill.address_extra,
        f"{bill.postal_code} {bill.city}".strip(),
        f"SIRET {siret_numbers.format_with_spaces(bill.siret)}" if bill.siret else "",
    ]
    return [line for line in lines if line]


def _conditions(sheet: OrderDocumentPdf, order: Order, line: OrderLine, quoted_on: datetime.date, until: str) -> None:
    """Write the conditions: how to order, what is supplied, how it is paid."""
    last_day = formatting.long_date(line.school_year.ends_on)
    ordering = (
        f"{_describe_ordering(order)}, au plus tard le {until} : le prix de ce devis est garanti jusque-là. Le bon de"
        " commande à signer est alors remis ; il n’y a rien à nous renvoyer avec ce devis."
    )
    supplied = (
        f"{formatting.pluralize(line.quantity, 'licence')}, une par classe : un enseignant et jusqu’à"
        f" {formatting.pluralize(PUPILS_PER_CLASS, 'compte élève', 'comptes élèves')}, du CP au CM2, jusqu’au"
        f" {last_day} inclus. {_describe_first_use(order, line, quoted_on)}, à titre temporaire et gratuitement pendant"
        f" {formatting.pluralize(PROVISIONAL_DAYS, 'jour')}"
        f"{' à compter de la commande' if line.school_year.countdown_from_order else ''}, le temps du bon de commande."
    )
    card = "Par carte bancaire à la commande, ou sur facture" if order.kind == OrderKind.SHOP else "Sur facture"
    if summary := get_product_summary():
        supplied = f"{supplied} {formatting.end_sentence(summary)}"
    payment = (
        f"{card} : elle est émise à réception du bon de commande signé, et se règle à"
        f" {formatting.pluralize(DAYS_TO_PAY, 'jour')}, par mandat administratif, virement ou chèque. Pas d’escompte"
        " pour paiement anticipé."
    )
    parts = {
        "Pour commander": ordering,
        "Ce qui est fourni": supplied,
        "Règlement": payment,
        "Conditions générales de vente": f"Version {terms.CURRENT} : {terms.get_terms_url()}",
    }
    sheet.set_xy(MARGIN, sheet.get_y() + 4)
    for title, text in parts.items():
        sheet.heading(title)
        sheet.set_x(MARGIN)
        sheet.body(formatting.add_nonbreaking_spaces(text), WIDTH, after=3)
        sheet.set_x(MARGIN)


def _describe_ordering(order: Order) -> str:
    """Return who orders and where: the quote of a school is read by the accounts office of another payer."""
    if order.collectivity:
        return "Passez la commande depuis le bureau de votre collectivité, page « Achats »"
    buyer = order.placed_by.get_full_name() if order.placed_by else ""
    if not buyer or buyer == order.bill_name:
        return "Passez la commande sur le portail, dans « Mes commandes »"
    return f"{buyer}, qui a demandé ce devis, passe la commande sur le portail, dans « Mes commandes »"


def _describe_first_use(order: Order, line: OrderLine, quoted_on: datetime.date) -> str:
    first_day = line.school_year.get_first_day(quoted_on)
    if first_day > quoted_on:
        return f"Utilisables en classe à partir du {formatting.long_date(first_day)}"
    return f"Utilisables dès la commande{' vérifiée par nos soins' if needs_review(order) else ''}"
