"""Factur-X PDF of an invoice: an A4 document in PDF/A-3 with the XML embedded.

Rendered from the snapshot only, like the XML, so that the two are consistent.
"""

import datetime
import io
from decimal import Decimal
from typing import Any

from fpdf.enums import TableBordersLayout, VAlign, XPos, YPos
from fpdf.fonts import FontFace

from core import formatting
from core.documents import BLUE, INK, MARGIN, PALE, SOFT, WIDTH, WINDOW_WIDTH, WINDOW_X, LetterheadPdf
from licensing.books.billing.models import InvoiceKind
from licensing.books.billing.snapshots import BuyerSnapshot, CreditScope, InvoiceSnapshot, LineSnapshot, SellerSnapshot
from licensing.orders import siret_numbers

# XMP metadata of a Factur-X PDF, in the form that every PDF/A validator reads.
#
# `factur-x` declares every namespace on `x:xmpmeta` and leaves out `rdf:about`. ISO 16684-1 (7.4) asks for `rdf:about`
# on each description, and released versions of veraPDF look for the namespaces on `rdf:RDF`: both then say that the
# file has no PDF/A identification.

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMPMETA = "adobe:ns:meta/"
# The packet's fixed header and trailer (ISO 16684-1, 7.3.2); the identifier is the standard's.
_HEADER = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TRAILER = '\n<?xpacket end="w"?>'


def repair_xmp(pdf: bytes) -> bytes:
    """Return the PDF with its XMP metadata rewritten; nothing else of it changes. Raises `ValueError` without XMP."""
    # Imported lazily: heavy libraries that only invoicing needs.
    from pypdf import PdfReader, PdfWriter  # noqa: PLC0415

    reader = PdfReader(io.BytesIO(pdf))
    metadata: Any = reader.root_object.get("/Metadata")
    if metadata is None:
        raise ValueError("the PDF has no XMP metadata to repair")
    writer = PdfWriter(clone_from=reader)
    writer.pdf_header = reader.pdf_header
    writer.xmp_metadata = rewrite_packet(metadata.get_object().get_data())
    repaired = io.BytesIO()
    writer.write(repaired)
    return repaired.getvalue()


def rewrite_packet(packet: bytes) -> bytes:
    """Return an XMP packet whose `rdf:RDF` declares all namespaces, with `rdf:about` on each description."""
    from lxml import etree  # noqa: PLC0415

    source = etree.fromstring(packet).find(f"{{{_RDF}}}RDF")
    if source is None:
        raise ValueError("the XMP packet has no rdf:RDF")
    namespaces = {
        prefix: uri for prefix, uri in source.nsmap.items() if prefix not in ("x", "xml") and prefix is not None
    }
    root = etree.Element(f"{{{_XMPMETA}}}xmpmeta", nsmap={"x": _XMPMETA})
    target = etree.SubElement(root, f"{{{_RDF}}}RDF", nsmap=namespaces)
    for description in list(source):
        description.set(f"{{{_RDF}}}about", "")
        target.append(description)
    body = etree.tostring(root, encoding="unicode", pretty_print=True).strip()
    return f"{_HEADER}{body}{_TRAILER}".encode()


_NORMAL, _SMALL = 10, 8.5
#: Width of the label of a reference, in millimetres.
_LABEL = 33
#: Column widths of the table of lines, in millimetres.
_COLUMNS = (84, 18, 31, 15, 26)


def render_pdf(snapshot: InvoiceSnapshot, xml: str) -> bytes:
    """Return the PDF of an invoice or a credit note, with its XML embedded unchanged."""
    from facturx import generate_from_binary  # noqa: PLC0415 - heavy

    seller, title = snapshot["seller"], f"{InvoiceKind(snapshot['kind']).label} {snapshot['number']}"
    page = _InvoicePdf(snapshot, title=f"{title} – {seller['name']}")
    page.letterhead()
    page.addressee()
    page.references()
    page.lines()
    page.totals()
    page.payment()
    page.mentions()
    embedded: bytes = generate_from_binary(
        bytes(page.output()),
        xml.encode(),
        flavor="factur-x",
        level="en16931",
        check_xsd=False,  # validated when it was issued
        pdf_metadata={
            "author": seller["name"],
            "keywords": "Factur-X",
            "title": f"{title} – {seller['name']}",
            "subject": f"{title} du {formatting.long_date(_parse_day(snapshot['issued_on']))}",
        },
        lang="fr",
        afrelationship="alternative",
        xmp_compression=False,
    )
    return repair_xmp(embedded)


class _InvoicePdf(LetterheadPdf):
    """The invoice, section by section, from top to bottom."""

    def __init__(self, snapshot: InvoiceSnapshot, *, title: str) -> None:
        # The day of issue, not the time of rendering.
        midday = datetime.datetime.combine(_parse_day(snapshot["issued_on"]), datetime.time(12), tzinfo=datetime.UTC)
        seller = snapshot["seller"]
        super().__init__(
            title=title,
            reference=snapshot["number"],
            legal_identity=(
                f"{seller['name']}, {seller['legal_form']} – {_address(seller)}",
                (
                    f"SIRET {siret_numbers.format_with_spaces(seller['siret'])} – {seller['rcs']}"
                    f" – TVA {seller['vat_number']}"
                ),
            ),
            at=midday,
        )
        self._snapshot = snapshot
        self.set_author(seller["name"])

    def letterhead(self) -> None:
        """Write the seller on the left; title, number and date on the right."""
        seller = self._snapshot["seller"]
        self.set_text_color(*INK)
        self.set_text_size(14, bold=True)
        self.write_line(seller["name"], height=7, width=WINDOW_X - MARGIN)
        self.set_text_size(_NORMAL)
        for text in (seller["address"], f"{seller['postal_code']} {seller['city']}", seller["phone"], seller["email"]):
            self.write_line(text, width=WINDOW_X - MARGIN)
        below = self.get_y()
        self.set_xy(WINDOW_X, MARGIN)
        self.set_text_color(*BLUE)
        self.set_text_size(20, bold=True)
        self._at_right(InvoiceKind(self._snapshot["kind"]).label, height=8)
        self.set_text_color(*INK)
        self.set_text_size(12, bold=True)
        self._at_right(f"n° {self._snapshot['number']}", height=6)
        self.set_text_size(_NORMAL)
        self._at_right(f"du {formatting.long_date(_parse_day(self._snapshot['issued_on']))}")
        self.set_y(below)

    def addressee(self) -> None:
        """Write the buyer's address in the window of the envelope."""
        buyer = self._snapshot["buyer"]
        self.write_address([buyer["name"], *format_address_lines(buyer)])
        self.set_y(max(self.get_y() + 8, 84))

    def references(self) -> None:
        """Write the references of the invoice, in two columns."""
        snapshot, buyer = self._snapshot, self._snapshot["buyer"]
        corrects = snapshot["corrects"]
        labelled = [
            (
                "Facture corrigée" if corrects and corrects.get("scope") == CreditScope.PART else "Facture annulée",
                f"{corrects['number']} du {_short_day(corrects['issued_on'])}" if corrects else "",
            ),
            ("Échéance", "" if corrects or snapshot["paid_on"] else _short_day(snapshot["due_on"])),
            ("Commande", f"n° {snapshot['order']} du {_short_day(snapshot['ordered_on'])}"),
            ("Devis", snapshot["quote"]),
            ("Bon de commande", snapshot["purchase_order"]),
            ("SIRET du client", siret_numbers.format_with_spaces(buyer["siret"]) if buyer["siret"] else ""),
            ("SIREN du client", "" if buyer["siret"] else siret_numbers.format_with_spaces(buyer.get("siren", ""))),
            ("N° de TVA du client", buyer["vat_number"]),
            ("Code service", buyer["service_code"]),
            ("N° d'engagement", buyer["engagement_number"]),
        ]
        filled = [(name, value) for name, value in labelled if value]
        half = (len(filled) + 1) // 2
        top = lowest = self.get_y()
        for left, column in ((MARGIN, filled[:half]), (WINDOW_X, filled[half:])):
            self.set_y(top)
            for name, value in column:
                self.set_x(left)
                self.set_text_color(*SOFT)
                self.set_text_size(_NORMAL)
                self.cell(_LABEL, 5, name)
                self.set_text_color(*INK)
                self.set_text_size(_NORMAL, bold=True)
                self.multi_cell(WINDOW_WIDTH - _LABEL, 5, value, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            lowest = max(lowest, self.get_y())
        self.set_y(lowest)
        self.set_text_size(_NORMAL)
        if corrects:
            self.ln(1)
            self.write_line(formatting.add_nonbreaking_spaces(f"Motif : {corrects['reason']}"))
        self.ln(6)

    def lines(self) -> None:
        """Draw the table of lines; its header row is repeated on each page."""
        head = FontFace(emphasis="BOLD", color=INK, fill_color=PALE)
        self.set_font_size(_NORMAL)
        with self.table(
            col_widths=_COLUMNS,
            width=WIDTH,
            text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT", "RIGHT"),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=head,
            line_height=5,
            v_align=VAlign.T,
            padding=(1.6, 1.5),
        ) as table:
            table.row(("Désignation", "Quantité", "Prix unitaire HT", "TVA", "Total HT"))
            for line in self._snapshot["lines"]:
                table.row(
                    (
                        _line_text(line),
                        formatting.number(line["quantity"]),
                        _euros(line["unit_ht"]),
                        formatting.percent(Decimal(line["vat_rate"])),
                        _euros(line["total_ht"]),
                    )
                )
        self.ln(4)

    def totals(self) -> None:
        """Draw the totals: HT, VAT by rate, TTC, amount due."""
        snapshot = self._snapshot
        rows = [("Total HT", snapshot["total_ht"], False)]
        rows += [
            (
                f"TVA {formatting.percent(Decimal(rate['vat_rate']))} sur {_euros(rate['total_ht'])}",
                rate["total_vat"],
                False,
            )
            for rate in snapshot["rates"]
        ]
        rows.append(("Total TTC", snapshot["total_ttc"], True))
        received, total = Decimal(snapshot["received"]), Decimal(snapshot["total_ttc"])
        if received:
            rows.append(("Déjà réglé", snapshot["received"], False))
        rows.append(("Net à votre crédit" if snapshot["corrects"] else "Net à payer", str(total - received), True))
        if self.will_page_break(6.5 * len(rows)):
            self.add_page()
        self.set_fill_color(*PALE)
        for name, amount, strong in rows:
            self.set_x(WINDOW_X)
            self.set_text_size(_NORMAL + (1 if strong else 0), bold=strong)
            self.cell(WINDOW_WIDTH - 32, 6.5, name, fill=strong)
            self.cell(32, 6.5, _euros(amount), align="R", fill=strong, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(6)

    def payment(self) -> None:
        """Write the payment terms and the bank details."""
        snapshot, seller = self._snapshot, self._snapshot["seller"]
        self.set_text_size(_NORMAL, bold=True)
        self.write_line("Objet" if snapshot["corrects"] else "Règlement")
        self.set_text_size(_NORMAL)
        self.write_line(snapshot["terms"])
        if snapshot["corrects"] is not None and (refund := snapshot["corrects"].get("refund_terms")):
            self.write_line(formatting.add_nonbreaking_spaces(refund))
        if not snapshot["paid_on"] and snapshot["corrects"] is None:
            self.write_line(
                formatting.add_nonbreaking_spaces(f"IBAN : {formatting.iban(seller['iban'])} – BIC : {seller['bic']}")
            )
            self.write_line(
                formatting.add_nonbreaking_spaces(
                    f"Chèque à l'ordre de « {seller['name']} ». "
                    f"Merci de rappeler le numéro {snapshot['number']} avec votre règlement."
                )
            )
        self.ln(4)

    def mentions(self) -> None:
        """Write the legal notices."""
        notices = self._snapshot["mentions"]
        texts = [f"{notices['operation']} {notices['vat']}"]
        if self._snapshot["corrects"] is None:
            texts += [notices["penalties"], f"{notices['indemnity']} {notices['discount']}"]
        self.set_text_color(*SOFT)
        self.set_text_size(_SMALL)
        for text in texts:
            self.write_line(formatting.add_nonbreaking_spaces(text), height=4)
        self.set_text_color(*INK)

    def _at_right(self, text: str, *, height: float = 5) -> None:
        self.write_line(text, height=height, width=WINDOW_WIDTH, x=WINDOW_X)


def format_address_lines(buyer: BuyerSnapshot) -> list[str]:
    """Return the lines of the buyer's address, without the name; with the country outside France."""
    lines = [buyer["address"], buyer["address_extra"], f"{buyer['postal_code']} {buyer['city']}".strip()]
    if buyer["country_code"] != "FR":
        lines.append(buyer["country"])
    return [line for line in lines if line]


def _line_text(line: LineSnapshot) -> str:
    period = f"Droits ouverts du {_short_day(line['begins_on'])} au {_short_day(line['ends_on'])}"
    return "\n".join(part for part in (line["description"], line["detail"], period) if part)


def _address(seller: SellerSnapshot) -> str:
    return f"{seller['address']}, {seller['postal_code']} {seller['city']}"


def _euros(amount: str) -> str:
    return formatting.euros(Decimal(amount))


def _short_day(iso: str) -> str:
    return formatting.short_date(_parse_day(iso))


def _parse_day(iso: str) -> datetime.date:
    return datetime.date.fromisoformat(iso)
