"""Documents that precede the invoice: quotes and purchase orders.

A document is rendered on first request and stored with its hash, so that it never changes afterwards.
"""

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.utils.text import slugify
from fpdf.enums import Align, XPos, YPos

from core import documents, formatting
from core.calendar import date_in_paris
from core.exceptions import Refusal
from core.text_templates import read_text_template
from licensing.books.billing.models import BillingDocument, BillingDocumentKind
from licensing.books.billing.snapshots import DAYS_TO_PAY, total_lines_by_rate
from licensing.catalogue import terms
from licensing.catalogue.models import Seller
from licensing.catalogue.operations import get_product_summary
from licensing.catalogue.pricing import PUPILS_PER_CLASS
from licensing.orders import payers, siret_numbers
from licensing.orders.billing_details import prefill_billing_details
from licensing.orders.models import UNSIGNED_STATES, Order, OrderLine
from licensing.orders.operations import needs_review
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


class OrderDocumentPdf(documents.LetterheadPdf):
    """The sections of a document that precedes the invoice."""

    def __init__(self, *, title: str, number: str, seller: Seller, at: datetime.datetime) -> None:
        super().__init__(
            title=f"{title} {number}", reference=number, legal_identity=format_legal_identity(seller), at=at
        )

    def head(self, title: str, details: Sequence[str]) -> None:
        """Write the title of the document, with its number and dates below."""
        self.set_text_color(*documents.BLUE)
        self.write_paragraph(title, size=20, bold=True, after=0.5)
        self.set_text_color(*documents.SOFT)
        for detail in details:
            self.write_paragraph(detail, size=10.5, after=0)
        self.set_text_color(*documents.INK)

    def parties(self, left: tuple[str, Sequence[str]], right: tuple[str, Sequence[str]]) -> None:
        """Write two labelled addresses side by side, and move below the longer one."""
        top = max(self.get_y() + 10, documents.WINDOW_Y)
        bottom = top
        for (label, lines), x, width in (
            (left, documents.MARGIN, documents.WINDOW_X - documents.MARGIN - 8),
            (right, documents.WINDOW_X, documents.WINDOW_WIDTH),
        ):
            self.set_xy(x, top - 6)
            self.small(label, width)
            self.write_address(lines, x=x, y=top, width=width, height=5.2)
            bottom = max(bottom, self.get_y())
        self.set_xy(documents.MARGIN, bottom + 6)

    def beneficiary(self, order: Order) -> None:
        """Write whom the licences are for, if the address does not say so."""
        school, body = order.school, order.collectivity
        if school is not None:
            name = format_school_name(school.name)
            self.body(
                f"Pour : {name}, {school.postal_code} {school.commune}, UAI {school.uai}.", documents.WIDTH, after=1
            )
        elif typed := payers.describe_typed_school(order):
            self.body(f"Pour : {typed}.", documents.WIDTH, after=1)
        elif body is not None and order.bill_name and body.name != order.bill_name:
            self.body(f"Pour : {body.name}.", documents.WIDTH, after=1)
        self.set_x(documents.MARGIN)

    def orderer(self, label: str, order: Order) -> None:
        """Write who placed the order or requested the quote, apart from who pays."""
        buyer = order.placed_by
        if buyer is not None and buyer.get_full_name():
            details = ", ".join(filter(None, (buyer.get_full_name(), buyer.email)))
            self.body(f"{label}{formatting.NO_BREAK_SPACE}: {details}.", documents.WIDTH, after=3)
        self.set_x(documents.MARGIN)

    def small(self, text: str, width: float = 0) -> None:
        """Write a label in a small font."""
        self.set_text_color(*documents.SOFT)
        self._block(text, width, size=9, height=4.4)
        self.set_text_color(*documents.INK)

    def heading(self, text: str, width: float = 0) -> None:
        """Write a heading at the current position."""
        self._block(text, width, size=11, height=5.6, after=0.6, bold=True)

    def body(self, text: str, width: float = 0, *, after: float = 1.2) -> None:
        """Write a paragraph at the current position, and keep its left edge."""
        self._block(text, width, size=9.5, height=4.5, after=after)

    def _block(
        self, text: str, width: float, *, size: float, height: float, after: float = 0, bold: bool = False
    ) -> None:
        self.set_text_size(size, bold=bold)
        self.multi_cell(width, height, text, align=Align.L, new_x=XPos.LEFT, new_y=YPos.NEXT)
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
        self.set_fill_color(*documents.PALE)
        self.set_text_size(9, bold=True)
        for title, width, align in _COLUMNS:
            self.cell(width, 7, title, border="TB", align=align, fill=True, new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.set_xy(documents.MARGIN, self.get_y() + 7)
        for line in lines:
            self._line(line)

    def _line(self, line: OrderLine) -> None:
        top = self.get_y() + 2
        self.set_xy(documents.MARGIN, top)
        self.set_text_size(10.5)
        self.multi_cell(
            _COLUMNS[0][1] - 2, 5.2, describe_line(line), align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        bottom = self.get_y() + 2
        x = documents.MARGIN + _COLUMNS[0][1]
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
        self.line(documents.MARGIN, bottom, documents.MARGIN + documents.WIDTH, bottom)
        self.set_xy(documents.MARGIN, bottom)

    def totals(self, order: Order, lines: Sequence[OrderLine]) -> None:
        """Write the totals, with VAT by rate, on the right."""
        self.set_y(self.get_y() + 2)
        self._total("Total HT", formatting.euros(order.total_ht))
        for rate, rate_amounts in total_lines_by_rate(lines):
            self._total(f"TVA {formatting.percent(rate)}", formatting.euros(rate_amounts.vat))
        self._total("TOTAL TTC", formatting.euros(order.total_ttc), bold=True)
        self.set_xy(documents.MARGIN, self.get_y() + 3)
        for reason in dict.fromkeys(line.vat_reason for line in lines if line.vat_reason):
            self.body(formatting.add_nonbreaking_spaces(reason), documents.WIDTH, after=2)
            self.set_x(documents.MARGIN)

    def _total(self, label: str, amount: str, *, bold: bool = False) -> None:
        self.set_text_size(11.5 if bold else 10.5, bold=bold)
        self.set_x(documents.MARGIN + documents.WIDTH - 74)
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
        self.set_draw_color(*documents.SOFT)
        self.set_dash_pattern(dash=0.4, gap=1.1)
        self.line(x, y, x + width, y)
        self.set_dash_pattern()
        self.set_draw_color(*documents.LINE)


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


def get_seller() -> Seller:
    """Return the seller. Raises `Refusal` if it is not configured yet."""
    seller = Seller.objects.first()
    if seller is None:
        raise Refusal(
            "document_missing",
            "Ce document ne peut pas encore être établi : le vendeur n'est pas renseigné. Écrivez-nous.",
        )
    return seller


def store_document(document: BillingDocument, content: bytes, *, at: datetime.datetime) -> BillingDocument:
    """Store a rendered document; the caller holds the lock of its order or invoice, so that it is stored once."""
    document.content, document.sha256, document.made_at = content, hashlib.sha256(content).hexdigest(), at
    document.save(force_insert=True)
    return document


def build_download(document: BillingDocument) -> HttpResponse:
    """Return the document as a download."""
    name = f"{slugify(document.get_kind_display())}-{slugify(document.number.replace('/', '-'))}.pdf"
    return documents.build_file_response(document.content, name=name, content_type="application/pdf")


@transaction.atomic
def get_or_create_quote(order: Order, *, at: datetime.datetime) -> BillingDocument:
    """Return the stored quote of an order; render and store it if absent. Raises `Refusal`."""
    order = Order.objects.locked().get(pk=order.pk)
    if not order.quote_number:
        raise Refusal("document_missing", "Cette commande n'a pas de devis.")
    if stored := BillingDocument.objects.filter(kind=BillingDocumentKind.QUOTE, number=order.quote_number).first():
        return stored
    document = BillingDocument(kind=BillingDocumentKind.QUOTE, number=order.quote_number, order=order)
    return store_document(document, _render_quote(order, at=at), at=at)


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
    first_day = line.school_year.get_first_day(quoted_on)
    texts = _read_texts(
        "quote.txt",
        order,
        line,
        first_day=first_day,
        needs_review=partial(needs_review, order),
        pays_by=PAYS_BY_ON_QUOTE,
        pupils=PUPILS_PER_CLASS,
        quoted_on=quoted_on,
        summary=get_product_summary(),
        terms_url=terms.get_terms_url(),
        terms_version=terms.CURRENT,
        until=until,
    )
    sheet.set_xy(documents.MARGIN, sheet.get_y() + 4)
    for title, text in zip(texts["title"], texts[""], strict=True):
        sheet.heading(title)
        sheet.set_x(documents.MARGIN)
        sheet.body(text, documents.WIDTH, after=3)
        sheet.set_x(documents.MARGIN)


def _read_texts(template: str, order: Order, line: OrderLine, **context: Any) -> dict[str, list[str]]:
    """Return the texts of a document by their label."""
    shared = {
        "buyer": order.placed_by.get_full_name() if order.placed_by else "",
        "days_to_pay": DAYS_TO_PAY,
        "line": line,
        "order": order,
        "provisional_days": PROVISIONAL_DAYS,
    }
    texts = read_text_template(f"billing/documents/{template}", shared | context)
    return {label: [formatting.add_nonbreaking_spaces(text) for text in texts[label]] for label in texts}


# Purchase order document (bon de commande) of orders paid by cheque or mandat administratif.
#
# The buyer prints, completes, signs and stamps it, then posts it to the address at its top right, or uploads it. When
# the buyer completes or corrects the order, or the operator prolongs it or corrects its VAT, a new document is issued
# under the next rank of its number; the earlier one is kept.

#: Events that outdate a document still to be signed.
_OUTDATING_EVENTS = ("completed", "corrected", "prolonged", "rights_opened", "started", "vat_corrected")
_COLUMN_WIDTH = (documents.WIDTH - 8) / 2
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
    document = BillingDocument(kind=BillingDocumentKind.PURCHASE_ORDER, number=number, order=order)
    return store_document(document, _render_purchase_order(order, number, at=at), at=at)


def _render_purchase_order(order: Order, number: str, *, at: datetime.datetime) -> bytes:
    seller = get_seller()
    lines = list(order.lines.select_related("school_year", "entitlement").order_by("pk"))
    placed_on = date_in_paris(order.placed_at or at)
    sheet = OrderDocumentPdf(title="Bon de commande", number=number, seller=seller, at=at)
    sheet.head("BON DE COMMANDE", [f"n° {number} du {formatting.long_date(placed_on)}"])
    sheet.parties(
        ("Facturé à (qui paie)", format_billing_address(order)),
        (
            f"À retourner {'signé' if payers.is_paid_by_buyer(order) else 'signé et tamponné'} à",
            format_seller_address(seller),
        ),
    )
    sheet.beneficiary(order)
    sheet.orderer("Commande passée par", order)
    sheet.lines(lines)
    sheet.totals(order, lines)
    references = payers.list_order_references(order)
    if references:
        _invoice_details(sheet, order, public=references == payers.PUBLIC_REFERENCES)
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
    sheet.set_xy(documents.MARGIN, top)
    sheet.heading("Pour votre facture, à vérifier et à compléter")
    sheet.set_xy(documents.MARGIN, sheet.get_y() + 0.5)
    siret = siret_numbers.format_with_spaces(order.siret) if order.siret else ""
    if public or siret:
        sheet.field("SIRET de l’organisme qui paie", siret, width=documents.WIDTH)
    if order.siren or not public:
        siren = order.siren or order.siret[: siret_numbers.SIREN_LENGTH]
        sheet.field("SIREN de l’entreprise", siret_numbers.format_with_spaces(siren), width=documents.WIDTH)
    if public:
        sheet.field("Code service", order.service_code, width=documents.WIDTH)
        sheet.field("Numéro d’engagement", order.engagement_number, width=documents.WIDTH)
    sheet.field("E-mail pour la facture", order.bill_email, width=documents.WIDTH)
    sheet.set_x(documents.MARGIN)
    notes = []
    if public:
        notes.append("Code service et engagement : si votre organisme les exige.")
    if order.placed_by and order.bill_email == order.placed_by.email and not payers.is_paid_by_buyer(order):
        notes.append("L’e-mail est celui de qui a commandé : à vérifier.")
    if notes:
        sheet.small(formatting.add_nonbreaking_spaces(" ".join(notes)), documents.WIDTH)
    sheet.set_xy(documents.MARGIN, sheet.get_y() + 3)


def _instructions(
    sheet: OrderDocumentPdf, order: Order, line: OrderLine, placed_on: datetime.date, *, at: datetime.datetime
) -> None:
    """Write the steps and dates on the left, the signature box on the right."""
    texts = _read_texts(
        "purchase_order.txt",
        order,
        line,
        day=date_in_paris(at),
        first_day=max(placed_on, line.entitlement.first_day) if line.entitlement else None,
        is_own=payers.is_paid_by_buyer(order),
        is_public=payers.get_buyer_kind(order) == payers.BuyerKind.PUBLIC,
        pays_by=PAYS_BY_ON_PURCHASE_ORDER,
        terms_url=partial(terms.get_terms_url, order.terms_version),
    )
    top = sheet.get_y() + 2
    sheet.set_xy(documents.MARGIN, top)
    sheet.heading("Que faire de ce bon ?", _COLUMN_WIDTH)
    sheet.numbered(texts["step"], _COLUMN_WIDTH)
    sheet.set_xy(documents.MARGIN, sheet.get_y() + 1)
    sheet.heading("Quand les licences s’utilisent", _COLUMN_WIDTH)
    for sentence in texts["validity"]:
        sheet.body(sentence, _COLUMN_WIDTH)
    left_bottom = sheet.get_y()
    _signature_box(sheet, order, documents.MARGIN + _COLUMN_WIDTH + 8, top)
    sheet.set_xy(documents.MARGIN, max(left_bottom, sheet.get_y()) + 2)
    # Whoever pays accepts them: on ordering, or by the signature of somebody else's order.
    for sentence in texts.get("terms", ()):
        sheet.small(sentence, documents.WIDTH)


def _signature_box(sheet: OrderDocumentPdf, order: Order, x: float, y: float) -> None:
    """Write who signs, and where."""
    signed_by = "À signer par" if payers.is_paid_by_buyer(order) else "À faire signer et tamponner par"
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
    sheet.small("Signature" if payers.is_paid_by_buyer(order) else "Signature et tampon", _COLUMN_WIDTH - 4)
    sheet.set_xy(x, top + _SIGNATURE_HEIGHT)
