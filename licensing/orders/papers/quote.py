"""The quote (devis) that holds a draft's price: what an accounts office needs to commit the expense."""

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

_COLUMN = (WIDTH - 8) / 2


@transaction.atomic
def quote_document(order: Order, *, at: datetime.datetime) -> Document:
    """Return the quote of an order, made out now unless it was before. Raises `NoPaper`."""
    order = Order.objects.locked().get(pk=order.pk)
    if not order.quote_number:
        raise keeping.NoPaper("Cette commande n'a pas de devis.")
    made = keeping.found(DocumentKind.QUOTE, order.quote_number)
    if made is not None:
        return made
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
    """Return whom the quote is for: the billing address as far as it is known; a person's name for want of another."""
    bill = prefilled(order)
    asked = order.placed_by.get_full_name() if order.placed_by else ""
    lines = [
        bill.name or asked,
        bill.address,
        bill.address_extra,
        f"{bill.postal_code} {bill.city}".strip(),
        f"SIRET {preflight.spelled(bill.siret)}" if bill.siret else "",
    ]
    return [line for line in lines if line]


def _conditions(sheet: Sheet, order: Order, line: OrderLine, until: str) -> None:
    """Write how to order, what is given when, how it is paid."""
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
    given = (
        f"{typography.plural(line.quantity, 'licence')}, une par classe : un enseignant et jusqu’à "
        f"{typography.plural(PUPILS_A_CLASS, 'compte élève', 'comptes élèves')}, du CP au CM2, jusqu’au {last_day} "
        "inclus. Utilisables dès la commande, à titre temporaire et gratuitement pendant "
        f"{typography.plural(PROVISIONAL_DAYS, 'jour')}, le temps du bon de commande."
    )
    paying = (
        "À réception du bon de commande signé, la facture est émise. Elle se règle à "
        f"{typography.plural(DAYS_TO_PAY, 'jour')}, par mandat administratif, virement ou chèque. Pas d’escompte pour "
        "paiement anticipé."
    )
    if order.kind == OrderKind.SHOP:
        paying = f"Par carte bancaire à la commande ; ou bien : {paying[0].lower()}{paying[1:]}"
    parts = {
        "Pour commander": ordering,
        "Ce qui est fourni": given,
        "Règlement": paying,
        "Conditions générales de vente": f"Version {terms.CURRENT} : {terms.address()}",
    }
    sheet.set_xy(MARGIN, sheet.get_y() + 4)
    for title, text in parts.items():
        sheet.heading(title)
        sheet.set_x(MARGIN)
        sheet.body(typography.spaced(text), WIDTH, after=3)
        sheet.set_x(MARGIN)
