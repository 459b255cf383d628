"""Quote document (devis) that holds a draft's price. Accounts offices need it to commit the expense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.catalogue import terms
from licensing.catalogue.operations import day_in_france
from licensing.catalogue.pricing import PUPILS_A_CLASS
from licensing.orders import preflight
from licensing.orders.invoicing.mentions import DAYS_TO_PAY
from licensing.orders.models import Document, DocumentKind, Order, OrderKind
from licensing.orders.operations.billing import prefilled
from licensing.orders.operations.placing import PROVISIONAL_DAYS
from licensing.orders.papers import keeping
from licensing.orders.papers.sheet import MARGIN, WIDTH, Sheet, address_of
from web import typography

if TYPE_CHECKING:
    import datetime

    from licensing.orders.models import OrderLine


@transaction.atomic
def quote_document(order: Order, *, at: datetime.datetime) -> Document:
    """Return the stored quote of an order; render and store it if absent. Raises `NoPaper`."""
    order = Order.objects.locked().get(pk=order.pk)
    if not order.quote_number:
        raise keeping.NoPaper("Cette commande n'a pas de devis.")
    stored = keeping.found(DocumentKind.QUOTE, order.quote_number)
    if stored is not None:
        return stored
    content = _render(order, at=at)
    return keeping.keep(content, kind=DocumentKind.QUOTE, number=order.quote_number, order=order, at=at)


def _render(order: Order, *, at: datetime.datetime) -> bytes:
    seller = keeping.seller()
    lines = list(order.lines.select_related("school_year").order_by("pk"))
    sheet = Sheet(title="Devis", number=order.quote_number, seller=seller, at=at)
    quoted_on = day_in_france(order.quoted_at or at)
    until = typography.day(order.quote_until or quoted_on)
    sheet.head(
        "DEVIS",
        [f"n° {order.quote_number} du {typography.day(quoted_on)}", f"Valable jusqu’au {until} inclus. Devis gratuit."],
    )
    sheet.parties(("Vendeur", [*address_of(seller), seller.phone, seller.email]), ("À l’attention de", _buyer(order)))
    sheet.beneficiary(order)
    sheet.lines(lines)
    sheet.totals(order, lines)
    _conditions(sheet, order, lines[0], until)
    return bytes(sheet.output())


def _buyer(order: Order) -> list[str]:
    """Return the addressee: the known billing details, with the buyer's name as fallback."""
    bill = prefilled(order)
    buyer_name = order.placed_by.get_full_name() if order.placed_by else ""
    lines = [
        bill.name or buyer_name,
        bill.address,
        bill.address_extra,
        f"{bill.postal_code} {bill.city}".strip(),
        f"SIRET {preflight.spelled(bill.siret)}" if bill.siret else "",
    ]
    return [line for line in lines if line]


def _conditions(sheet: Sheet, order: Order, line: OrderLine, until: str) -> None:
    """Write the conditions: how to order, what is supplied, how it is paid."""
    last_day = typography.day(line.school_year.ends_on)
    where = (
        "depuis le bureau de votre collectivité, page « Achats »"
        if order.collectivity
        else "sur le portail, dans « Mes commandes »"
    )
    ordering = (
        f"Passez la commande {where}, au plus tard le {until} : le prix de ce devis vous est garanti jusque-là. Le bon "
        "de commande à signer vous est alors remis ; il n’y a rien à nous renvoyer avec ce devis."
    )
    supplied = (
        f"{typography.plural(line.quantity, 'licence')}, une par classe : un enseignant et jusqu’à "
        f"{typography.plural(PUPILS_A_CLASS, 'compte élève', 'comptes élèves')}, du CP au CM2, jusqu’au {last_day} "
        "inclus. Utilisables dès la commande, à titre temporaire et gratuitement pendant "
        f"{typography.plural(PROVISIONAL_DAYS, 'jour')}, le temps du bon de commande."
    )
    payment = (
        "À réception du bon de commande signé, la facture est émise. Elle se règle à "
        f"{typography.plural(DAYS_TO_PAY, 'jour')}, par mandat administratif, virement ou chèque. Pas d’escompte pour "
        "paiement anticipé."
    )
    if order.kind == OrderKind.SHOP:
        payment = f"Par carte bancaire à la commande ; ou bien : {payment[0].lower()}{payment[1:]}"
    parts = {
        "Pour commander": ordering,
        "Ce qui est fourni": supplied,
        "Règlement": payment,
        "Conditions générales de vente": f"Version {terms.CURRENT} : {terms.address()}",
    }
    sheet.set_xy(MARGIN, sheet.get_y() + 4)
    for title, text in parts.items():
        sheet.heading(title)
        sheet.set_x(MARGIN)
        sheet.body(typography.spaced(text), WIDTH, after=3)
        sheet.set_x(MARGIN)
