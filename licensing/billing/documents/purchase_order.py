"""Purchase order document (bon de commande) of orders paid by cheque or mandat administratif.

The buyer prints, completes, signs and stamps it, then posts it to the address at its top right, or uploads it. When
the buyer completes or corrects the order, or the operator prolongs it or corrects its VAT, a new document is issued
under the next rank of its number; the earlier one is kept.
"""

from __future__ import annotations

import datetime

from django.db import transaction

from core import formatting
from core.calendar import date_in_paris
from core.documents import MARGIN, WIDTH
from licensing.billing.documents.layout import OrderDocumentPdf, format_billing_address, format_seller_address
from licensing.billing.documents.storage import DocumentUnavailable, get_seller, store_document
from licensing.billing.invoicing.legal_notices import DAYS_TO_PAY
from licensing.billing.models import BillingDocument, BillingDocumentKind
from licensing.catalogue import terms
from licensing.orders import siret_numbers
from licensing.orders.buyer_kinds import BuyerKind, get_buyer_kind
from licensing.orders.models import Order, OrderLine, OrderState, SettlementMethod
from licensing.orders.payers import PUBLIC_REFERENCES, is_paid_by_buyer, list_order_references
from licensing.orders.rights import PROVISIONAL_DAYS

#: Events that outdate a document still to be signed.
_OUTDATING_EVENTS = ("completed", "corrected", "prolonged", "rights_opened", "started", "vat_corrected")
_SIGNABLE_STATES = (OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED)
_COLUMN_WIDTH = (WIDTH - 8) / 2
_SIGNATURE_HEIGHT = 40.0
#: Of the steps, the signature and the terms, and of each further line that the payer's name takes.
_SIGNATURE_BLOCK_HEIGHT, _NAME_LINE_HEIGHT, _LETTERS_A_LINE = 97.0, 5.6, 36


@transaction.atomic
def get_or_create_purchase_order(order: Order, *, at: datetime.datetime) -> BillingDocument:
    """Return the stored purchase order document; render and store it if absent or outdated.

    Raises `DocumentUnavailable`.
    """
    order = Order.objects.locked().get(pk=order.pk)
    if order.placed_at is None or order.method != SettlementMethod.MANDATE:
        raise DocumentUnavailable(
            "Cette commande n'a pas de bon de commande : elle n'est pas à régler par chèque ou mandat."
        )
    last = BillingDocument.objects.filter(order=order, kind=BillingDocumentKind.PURCHASE_ORDER).order_by("pk").last()
    if last is not None and not (
        order.state in _SIGNABLE_STATES
        and order.events.filter(action__in=_OUTDATING_EVENTS, at__gt=last.made_at).exists()
    ):
        return last
    rank = order.documents.filter(kind=BillingDocumentKind.PURCHASE_ORDER).count() + 1
    number = f"BC{date_in_paris(order.placed_at).year}-{order.pk}" + (f"/{rank}" if rank > 1 else "")
    content = _render_purchase_order(order, number, at=at)
    return store_document(content, kind=BillingDocumentKind.PURCHASE_ORDER, number=number, order_id=order.pk, at=at)


def _render_purchase_order(order: Order, number: str, *, at: datetime.datetime) -> bytes:
    seller = get_seller()
    lines = list(order.lines.select_related("school_year", "entitlement").order_by("pk"))
    placed_on = date_in_paris(order.placed_at or at)
    sheet = OrderDocumentPdf(title="Bon de commande", number=number, seller=seller, at=at)
    sheet.head("BON DE COMMANDE", [f"n° {number} du {formatting.long_date(placed_on)}"])
    sheet.parties(
        ("Facturé à (qui paie)", format_billing_address(order)),
        (f"À retourner {'signé' if is_paid_by_buyer(order) else 'signé et tamponné'} à", format_seller_address(seller)),
    )
    sheet.beneficiary(order)
    sheet.orderer("Commande passée par", order)
    sheet.lines(lines)
    sheet.totals(order, lines)
    references = list_order_references(order)
    if references:
        _invoice_details(sheet, order, public=references == PUBLIC_REFERENCES)
    # Steps and signature stay on one page: a signature alone on a second page signs nothing.
    if sheet.will_page_break(_SIGNATURE_BLOCK_HEIGHT + _NAME_LINE_HEIGHT * (len(order.bill_name) // _LETTERS_A_LINE)):
        sheet.add_page()
    _instructions(sheet, order, lines[0], placed_on, at=at)
    return bytes(sheet.output())


def _invoice_details(sheet: OrderDocumentPdf, order: Order, *, public: bool) -> None:
    """Write the references of the payer's invoice, to be completed by hand if unknown.

    `public`: whether it carries those of a public body; else a business's number alone.
    """
    top = sheet.get_y() + 1
    sheet.set_xy(MARGIN, top)
    sheet.heading("Pour votre facture, à vérifier et à compléter")
    sheet.set_xy(MARGIN, sheet.get_y() + 0.5)
    siret = siret_numbers.format_with_spaces(order.siret) if order.siret else ""
    if public or siret:
        sheet.field("SIRET de l’organisme qui paie", siret, width=WIDTH)
    if order.siren or not public:
        siren = order.siren or order.siret[: siret_numbers.SIREN_LENGTH]
        sheet.field("SIREN de l’entreprise", siret_numbers.format_with_spaces(siren), width=WIDTH)
    if public:
        sheet.field("Code service", order.service_code, width=WIDTH)
        sheet.field("Numéro d’engagement", order.engagement_number, width=WIDTH)
    sheet.field("E-mail pour la facture", order.bill_email, width=WIDTH)
    sheet.set_x(MARGIN)
    notes = []
    if public:
        notes.append("Code service et engagement : si votre organisme les exige.")
    if order.placed_by and order.bill_email == order.placed_by.email and not is_paid_by_buyer(order):
        notes.append("L’e-mail est celui de qui a commandé : à vérifier.")
    if notes:
        sheet.small(formatting.add_nonbreaking_spaces(" ".join(notes)), WIDTH)
    sheet.set_xy(MARGIN, sheet.get_y() + 3)


def _instructions(
    sheet: OrderDocumentPdf, order: Order, line: OrderLine, placed_on: datetime.date, *, at: datetime.datetime
) -> None:
    """Write the steps and dates on the left, the signature box on the right."""
    top = sheet.get_y() + 2
    sheet.set_xy(MARGIN, top)
    sheet.heading("Que faire de ce bon ?", _COLUMN_WIDTH)
    sheet.numbered(_steps(order), _COLUMN_WIDTH)
    sheet.set_xy(MARGIN, sheet.get_y() + 1)
    sheet.heading("Quand les licences s’utilisent", _COLUMN_WIDTH)
    for sentence in _validity_sentences(line, placed_on, at=at):
        sheet.body(sentence, _COLUMN_WIDTH)
    left_bottom = sheet.get_y()
    _signature_box(sheet, order, MARGIN + _COLUMN_WIDTH + 8, top)
    sheet.set_xy(MARGIN, max(left_bottom, sheet.get_y()) + 2)
    _terms(sheet, order)


def _signature_box(sheet: OrderDocumentPdf, order: Order, x: float, y: float) -> None:
    """Write who signs, and where."""
    signed_by = "À signer par" if is_paid_by_buyer(order) else "À faire signer et tamponner par"
    sheet.set_xy(x, y)
    sheet.heading("Bon pour commande", _COLUMN_WIDTH)
    sheet.small(f"{signed_by}{formatting.NO_BREAK_SPACE}:", _COLUMN_WIDTH)
    sheet.heading(f"{order.bill_name} (qui paie)", _COLUMN_WIDTH)
    sheet.set_x(x)
    for label in ("Nom", "Qualité", "Date"):
        sheet.set_text_size(9.5)
        sheet.cell(16, 7, label)
        sheet.dots(x + 16, sheet.get_y() + 5.2, _COLUMN_WIDTH - 16)
        sheet.set_xy(x, sheet.get_y() + 7)
    top = sheet.get_y() + 2
    sheet.rect(x, top, _COLUMN_WIDTH, _SIGNATURE_HEIGHT)
    sheet.set_xy(x + 2, top + 1.5)
    sheet.small("Signature" if is_paid_by_buyer(order) else "Signature et tampon", _COLUMN_WIDTH - 4)
    sheet.set_xy(x, top + _SIGNATURE_HEIGHT)


def _terms(sheet: OrderDocumentPdf, order: Order) -> None:
    """Write the terms of sale, which who pays accepts: on ordering, or by the signature of somebody else's order."""
    if order.terms_accepted_at is None:
        return
    day = formatting.long_date(date_in_paris(order.terms_accepted_at))
    buyer = f"par {order.placed_by.get_full_name()} " if order.placed_by else ""
    accepted = f"acceptées {buyer}le {day}" if is_paid_by_buyer(order) else "que cette signature accepte"
    address = terms.get_terms_url(order.terms_version)
    sentence = f"Conditions générales de vente, version {order.terms_version}, {accepted} : {address}"
    sheet.small(formatting.add_nonbreaking_spaces(sentence), WIDTH)


def _steps(order: Order) -> list[str]:
    """Return what becomes of the document: read by whoever ordered, and by the accounts office of who pays."""
    own = is_paid_by_buyer(order)
    buyer = order.placed_by.get_full_name() if order.placed_by else ""
    where = (
        "la commande, au bureau de votre collectivité" if order.collectivity else "« Mes commandes », sur le portail"
    )
    by_buyer = f" par {buyer}" if buyer and not own else ""
    route = ", par Chorus Pro" if get_buyer_kind(order) == BuyerKind.PUBLIC else ""
    unsigned = "Sans cette signature, rien n’est dû."
    steps = (
        "Vérifiez ce qui est imprimé ; complétez à la main ce qui manque.",
        "Datez et signez."
        if own
        else f"À faire dater, signer et tamponner par : {order.bill_name}, qui paie. {unsigned}",
        f"À déposer, signé et numérisé, dans {where}{by_buyer} ; ou à envoyer à l’adresse indiquée en haut à droite.",
        (
            f"À sa réception, la facture est adressée à qui paie{route}, pour règlement à {DAYS_TO_PAY} jours, par "
            "chèque, virement ou mandat. N’envoyez pas d’argent avec ce bon."
        ),
    )
    return [formatting.add_nonbreaking_spaces(step) for step in steps]


def _validity_sentences(line: OrderLine, placed_on: datetime.date, *, at: datetime.datetime) -> list[str]:
    """Return sentences on the validity of the licences, before and after payment."""
    until, last_day = line.entitlement.temporary_until if line.entitlement else None, line.school_year.ends_on
    sentences = []
    if line.entitlement is None:
        sentences.append(
            f"Les droits temporaires, gratuits pendant {PROVISIONAL_DAYS} jours, s’ouvrent une fois la commande"
            " vérifiée par nos soins : un e-mail vous le dit. Ce bon, signé, y aide."
        )
    elif until is not None and until < date_in_paris(at):
        sentences.append(
            f"Les droits temporaires ont pris fin le {formatting.long_date(until)}. Ils reprennent dès que ce bon, "
            "signé, est reçu et vérifié ; rien n’a été effacé."
        )
    elif until is not None:
        first_day = formatting.long_date(max(placed_on, line.entitlement.first_day))
        sentences.append(
            f"Utilisables dès le {first_day}, à titre temporaire et gratuitement, jusqu’au "
            f"{formatting.long_date(until)} inclus : ce bon, signé, doit nous parvenir d’ici là."
        )
    subject = f"les {formatting.pluralize(line.quantity, 'licence')} valent" if line.quantity > 1 else "la licence vaut"
    sentences.append(f"Une fois la facture réglée, {subject} jusqu’au {formatting.long_date(last_day)} inclus.")
    return [formatting.add_nonbreaking_spaces(sentence) for sentence in sentences]
