"""Documents that precede the invoice: quotes and purchase orders.

A document is rendered on first request and stored with its hash, so that it never changes afterwards.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.http import HttpResponse
from django.utils.text import slugify
from fpdf.enums import Align, XPos, YPos

from core import formatting, money
from core.calendar import date_in_paris
from core.documents import (
    BLUE,
    INK,
    LINE,
    MARGIN,
    PALE,
    SOFT,
    WIDTH,
    WINDOW_WIDTH,
    WINDOW_X,
    WINDOW_Y,
    LetterheadPdf,
    build_file_response,
)
from core.exceptions import Refusal
from licensing.books.billing.models import BillingDocument, BillingDocumentKind, Invoice
from licensing.books.billing.snapshots import DAYS_TO_PAY
from licensing.catalogue import terms
from licensing.catalogue.models import Seller
from licensing.catalogue.operations import get_product_summary
from licensing.catalogue.pricing import PUPILS_PER_CLASS
from licensing.orders import siret_numbers
from licensing.orders.billing_details import prefill_billing_details
from licensing.orders.models import UNSIGNED_STATES, Order, OrderKind, OrderLine
from licensing.orders.operations import needs_review
from licensing.orders.payers import (
    PUBLIC_REFERENCES,
    BuyerKind,
    describe_typed_school,
    get_buyer_kind,
    is_paid_by_buyer,
    list_order_references,
)
from licensing.orders.rights import PROVISIONAL_DAYS
from licensing.orders.settlement import PAYS_BY_ON_PURCHASE_ORDER, PAYS_BY_ON_QUOTE
from schools.wording import format_school_name

_LABEL_WIDTH = 48.0

_COLUMNS = (
    ("Désignation", 88.0, Align.L),
    ("Quantité", 18.0, Align.R),
    ("Prix unitaire HT", 28.0, Align.R),
    ("TVA", 14.0, Align.R),
    ("Total HT", 26.0, Align.R),
)


class OrderDocumentPdf(LetterheadPdf):
    """The sections of a document that precedes the invoice."""

    def __init__(self, *, title: str, number: str, seller: Seller, at: datetime.datetime) -> None:
        super().__init__(
            title=f"{title} {number}", reference=number, legal_identity=format_legal_identity(seller), at=at
        )

    def head(self, title: str, details: Sequence[str]) -> None:
        """Write the title of the document, with its number and dates below."""
        self.set_text_color(*BLUE)
        self.write_paragraph(title, size=20, bold=True, after=0.5)
        self.set_text_color(*SOFT)
        for detail in details:
            self.write_paragraph(detail, size=10.5, after=0)
        self.set_text_color(*INK)

    def parties(self, left: tuple[str, Sequence[str]], right: tuple[str, Sequence[str]]) -> None:
        """Write two labelled addresses side by side, and move below the longer one."""
        top = max(self.get_y() + 10, WINDOW_Y)
        bottom = top
        for (label, lines), x, width in (
            (left, MARGIN, WINDOW_X - MARGIN - 8),
            (right, WINDOW_X, WINDOW_WIDTH),
        ):
            self.set_xy(x, top - 6)
            self.small(label, width)
            self.write_address(lines, x=x, y=top, width=width, height=5.2)
            bottom = max(bottom, self.get_y())
        self.set_xy(MARGIN, bottom + 6)

    def beneficiary(self, order: Order) -> None:
        """Write whom the licences are for, if the address does not say so."""
        school, body = order.school, order.collectivity
        if school is not None:
            name = format_school_name(school.name)
            self.body(f"Pour : {name}, {school.postal_code} {school.commune}, UAI {school.uai}.", WIDTH, after=1)
        elif typed := describe_typed_school(order):
            self.body(f"Pour : {typed}.", WIDTH, after=1)
        elif body is not None and order.bill_name and body.name != order.bill_name:
            self.body(f"Pour : {body.name}.", WIDTH, after=1)
        self.set_x(MARGIN)

    def orderer(self, label: str, order: Order) -> None:
        """Write who placed the order or requested the quote, apart from who pays."""
        buyer = order.placed_by
        if buyer is not None and buyer.get_full_name():
            details = ", ".join(filter(None, (buyer.get_full_name(), buyer.email)))
            self.body(f"{label}{formatting.NO_BREAK_SPACE}: {details}.", WIDTH, after=3)
        self.set_x(MARGIN)

    def small(self, text: str, width: float = 0) -> None:
        """Write a label in a small font."""
        self.set_text_color(*SOFT)
        self.set_text_size(9)
        self.multi_cell(width, 4.4, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_text_color(*INK)

    def heading(self, text: str, width: float = 0) -> None:
        """Write a heading at the current position."""
        self.set_text_size(11, bold=True)
        self.multi_cell(width, 5.6, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_xy(self.get_x(), self.get_y() + 0.6)

    def body(self, text: str, width: float = 0, *, after: float = 1.2) -> None:
        """Write a paragraph at the current position, and keep its left edge."""
        self.set_text_size(9.5)
        self.multi_cell(width, 4.5, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        self.set_xy(self.get_x(), self.get_y() + after)

    def numbered(self, steps: Sequence[str], width: float) -> None:
        """Write numbered steps at the current position."""
        left = self.get_x()
        for number, step in enumerate(steps, 1):
            self.set_text_size(9.5, bold=True)
            self.set_x(left)
            self.cell(5, 4.5, f"{number}.", new_x=XPos.RIGHT, new_y=YPos.TOP)
            self.body(step, width - 5)
        self.set_x(left)

    def lines(self, lines: Iterable[OrderLine]) -> None:
        """Write the table of order lines, with the expiry date of each."""
        self.set_fill_color(*PALE)
        self.set_text_size(9, bold=True)
        for title, width, align in _COLUMNS:
            self.cell(width, 7, title, border="TB", align=align, fill=True, new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.set_xy(MARGIN, self.get_y() + 7)
        for line in lines:
            self._line(line)

    def _line(self, line: OrderLine) -> None:
        top = self.get_y() + 2
        self.set_xy(MARGIN, top)
        self.set_text_size(10.5)
        self.multi_cell(
            _COLUMNS[0][1] - 2, 5.2, describe_line(line), align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        bottom = self.get_y() + 2
        x = MARGIN + _COLUMNS[0][1]
        cells = (
            formatting.number(line.billed_quantity),
            formatting.euros(line.unit_ht),
            formatting.percent(line.vat_rate),
            formatting.euros(line.total_ht),
        )
        for text, (_title, width, align) in zip(cells, _COLUMNS[1:], strict=True):
            self.set_xy(x, top)
            self.cell(width, 5.2, text, align=align)
            x += width
        self.line(MARGIN, bottom, MARGIN + WIDTH, bottom)
        self.set_xy(MARGIN, bottom)

    def totals(self, order: Order, lines: Sequence[OrderLine]) -> None:
        """Write the totals, with VAT by rate, on the right."""
        self.set_y(self.get_y() + 2)
        self._total("Total HT", formatting.euros(order.total_ht))
        rates = money.total_by_rate(
            (line.vat_rate, money.Amounts(line.total_ht, line.total_vat, line.total_ttc)) for line in lines
        )
        for rate, rate_amounts in rates:
            self._total(f"TVA {formatting.percent(rate)}", formatting.euros(rate_amounts.vat))
        self._total("TOTAL TTC", formatting.euros(order.total_ttc), bold=True)
        self.set_xy(MARGIN, self.get_y() + 3)
        for reason in dict.fromkeys(line.vat_reason for line in lines if line.vat_reason):
            self.body(formatting.add_nonbreaking_spaces(reason), WIDTH, after=2)
            self.set_x(MARGIN)

    def _total(self, label: str, amount: str, *, bold: bool = False) -> None:
        self.set_text_size(11.5 if bold else 10.5, bold=bold)
        self.set_x(MARGIN + WIDTH - 74)
        self.cell(40, 6, label, align=Align.L, new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.cell(34, 6, amount, align=Align.R, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def field(self, label: str, value: str, *, width: float) -> None:
        """Write a field: its value, or a dotted line to complete by hand."""
        left = self.get_x()
        self.set_text_size(9.5)
        self.cell(_LABEL_WIDTH, 6.4, label, new_x=XPos.RIGHT, new_y=YPos.TOP)
        if value:
            self.set_text_size(10, bold=True)
            self.multi_cell(width - _LABEL_WIDTH, 6.4, value, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
        else:
            self.dots(self.get_x(), self.get_y() + 5, width - _LABEL_WIDTH)
            self.set_y(self.get_y() + 7)
        self.set_x(left)

    def dots(self, x: float, y: float, width: float) -> None:
        """Draw a dotted line to write on."""
        self.set_draw_color(*SOFT)
        self.set_dash_pattern(dash=0.4, gap=1.1)
        self.line(x, y, x + width, y)
        self.set_dash_pattern()
        self.set_draw_color(*LINE)


def describe_line(line: OrderLine) -> str:
    """Return the description of a line with its expiry date: « … – expiration au 31/08/2027 » (the guide's wording).

    With its licences where the quantity is that of a tier, which has one price.
    """
    until = f"–{formatting.NO_BREAK_SPACE}expiration au {formatting.short_date(line.school_year.ends_on)}"
    licences = f" ({formatting.pluralize(line.quantity, 'licence')})" if line.quantity != line.billed_quantity else ""
    return f"{line.description} {until}{licences}"


def format_seller_address(seller: Seller) -> list[str]:
    """Return the seller's postal address, its name first."""
    return [seller.name, seller.address, f"{seller.postal_code} {seller.city}"]


def format_legal_identity(seller: Seller) -> tuple[str, str]:
    """Return the seller's legal identity required on commercial documents, in two lines."""
    return (
        f"{seller.name}, {seller.legal_form}, {seller.address}, {seller.postal_code} {seller.city} – {seller.rcs}",
        (
            f"SIRET {siret_numbers.format_with_spaces(seller.siret)} – TVA {seller.vat_number}"
            f" – {seller.phone} – {seller.email}"
        ),
    )


def format_billing_address(order: Order) -> list[str]:
    """Return the non-empty lines of the billing address, the name first; with the country outside France."""
    country = "" if order.bill_country.strip().casefold() == "france" else order.bill_country
    lines = (
        order.bill_name,
        order.bill_address,
        order.bill_address_extra,
        f"{order.bill_postal_code} {order.bill_city}".strip(),
        country,
    )
    return [line for line in lines if line]


_FILE_NAMES = {
    BillingDocumentKind.QUOTE: "devis",
    BillingDocumentKind.PURCHASE_ORDER: "bon-de-commande",
    BillingDocumentKind.INVOICE: "facture",
    BillingDocumentKind.CREDIT_NOTE: "avoir",
}


def get_seller() -> Seller:
    """Return the seller. Raises `Refusal` if it is not configured yet."""
    found_seller = Seller.objects.first()
    if found_seller is None:
        raise Refusal(
            "document_missing",
            "Ce document ne peut pas encore être établi : le vendeur n'est pas renseigné. Écrivez-nous.",
        )
    return found_seller


def find_document(kind: BillingDocumentKind, number: str) -> BillingDocument | None:
    """Return the stored document with this number, if any."""
    return BillingDocument.objects.filter(kind=kind, number=number).first()


def store_document(
    content: bytes,
    *,
    kind: BillingDocumentKind,
    number: str,
    order_id: int,
    at: datetime.datetime,
    invoice: Invoice | None = None,
) -> BillingDocument:
    """Store a rendered document; the caller holds the lock of its order or invoice, so that it is stored once."""
    return BillingDocument.objects.create(
        kind=kind,
        order_id=order_id,
        invoice=invoice,
        number=number,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        made_at=at,
    )


def build_download(document: BillingDocument) -> HttpResponse:
    """Return the document as a download."""
    name = f"{_FILE_NAMES[BillingDocumentKind(document.kind)]}-{slugify(document.number.replace('/', '-'))}.pdf"
    return build_file_response(document.content, name=name, content_type="application/pdf")


@transaction.atomic
def get_or_create_quote(order: Order, *, at: datetime.datetime) -> BillingDocument:
    """Return the stored quote of an order; render and store it if absent. Raises `Refusal`."""
    order = Order.objects.locked().get(pk=order.pk)
    if not order.quote_number:
        raise Refusal("document_missing", "Cette commande n'a pas de devis.")
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
        f" {formatting.pluralize(DAYS_TO_PAY, 'jour')}, {PAYS_BY_ON_QUOTE}. Pas d’escompte pour paiement anticipé."
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


# Purchase order document (bon de commande) of orders paid by cheque or mandat administratif.
#
# The buyer prints, completes, signs and stamps it, then posts it to the address at its top right, or uploads it. When
# the buyer completes or corrects the order, or the operator prolongs it or corrects its VAT, a new document is issued
# under the next rank of its number; the earlier one is kept.

#: Events that outdate a document still to be signed.
_OUTDATING_EVENTS = ("completed", "corrected", "prolonged", "rights_opened", "started", "vat_corrected")
_COLUMN_WIDTH = (WIDTH - 8) / 2
_SIGNATURE_HEIGHT = 40.0
#: Of the steps, the signature and the terms, and of each further line that the payer's name takes.
_SIGNATURE_BLOCK_HEIGHT, _NAME_LINE_HEIGHT, _LETTERS_A_LINE = 97.0, 5.6, 36


@transaction.atomic
def get_or_create_purchase_order(order: Order, *, at: datetime.datetime) -> BillingDocument:
    """Return the stored purchase order document; render and store it if absent or outdated.

    Raises `Refusal`.
    """
    order = Order.objects.locked().get(pk=order.pk)
    if order.placed_at is None or not order.has_purchase_order:
        raise Refusal(
            "document_missing",
            "Cette commande n'a pas de bon de commande : elle n'est pas à régler par chèque ou mandat.",
        )
    last = BillingDocument.objects.filter(order=order, kind=BillingDocumentKind.PURCHASE_ORDER).order_by("pk").last()
    if last is not None and not (
        order.state in UNSIGNED_STATES
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
            f"À sa réception, la facture est adressée à qui paie{route}, pour règlement à {DAYS_TO_PAY} jours, "
            f"{PAYS_BY_ON_PURCHASE_ORDER}. N’envoyez pas d’argent avec ce bon."
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
