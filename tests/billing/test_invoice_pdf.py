"""The PDF of an invoice: content, mandatory mentions, archival format (PDF/A-3, Factur-X)."""

import hashlib
import io
import re
from typing import Any

import pytest
from facturx import get_facturx_xml_from_pdf
from lxml import etree
from pypdf import PdfReader

from licensing.books.billing import invoicing
from licensing.books.billing.documents import get_or_create_purchase_order
from licensing.catalogue.models import Seller
from licensing.orders.models import Payer
from tests.conftest import TERM
from tests.factories.orders import OrderFactory, StoredOrderFactory
from tests.orders import actions

pytestmark = pytest.mark.django_db


def pdf_of(invoice) -> PdfReader:
    return PdfReader(io.BytesIO(bytes(invoicing.get_or_create_document(invoice, at=TERM).content)))


def text_of(invoice) -> str:
    words = " ".join(page.extract_text() for page in pdf_of(invoice).pages)
    return " ".join(words.replace("\u202f", " ").split())


@pytest.mark.slow
def test_the_pdf_has_every_mandatory_mention():
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    text, seller = text_of(invoice), Seller.objects.get()
    for wanted in (
        "Facture n° P2026-000001 du 24 novembre 2026",
        f"{seller.name}, {seller.legal_form} – {seller.address}, {seller.postal_code} {seller.city}",
        f"SIRET 123 456 782 00010 – {seller.rcs} – TVA {seller.vat_number}",
        "Mairie de Nîmes Place de l’Hôtel de Ville 30000 Nîmes",
        "SIRET du client 213 001 894 00012",
        "Code service SCOLAIRE",
        "N° d’engagement EJ-2026-0042",
        "Licence globale TOUS NIVEAUX (5 classes - 150 élèves) – expiration au 31/08/2027",
        "Droits ouverts du 24/11/2026 au 31/08/2027",
        "1 165,83 € 20 % 165,83 €",
        "Total HT 165,83 € TVA 20 % sur 165,83 € 33,17 € Total TTC 199,00 € Net à payer 199,00 €",
        "au plus tard le 24 décembre 2026",
        "IBAN : FR76 3000 6000 0112 3456 7890 189 – BIC : AGRIFRPP",
        "prestation de services. TVA sur les encaissements.",
        "majoré de 8 points (articles L. 2192-13 et R. 2192-31",
        "40 € (article D. 2192-35",
        "Pas d’escompte pour paiement anticipé.",
        "page 1 sur 1",
    ):
        assert wanted in text, wanted


@pytest.mark.slow
def test_mentions_differ_for_a_professional_an_individual_and_a_credit_note():
    own = text_of(invoicing.issue_invoice(StoredOrderFactory(card_purchase=True), at=TERM, paid_by_card=True))
    assert "Réglée par carte bancaire le 24 novembre 2026." in own
    assert "Déjà réglé 49,00 € Net à payer 0,00 €" in own
    assert "d’un professionnel" in own
    assert "majoré de 10 points (article L. 441-10" in own
    assert "IBAN" not in own
    assert "SIRET du client" not in own
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    note = text_of(invoicing.issue_credit_note(invoice, at=TERM, reason="Rejetée : engagement inconnu"))
    assert f"Facture annulée {invoice.number} du 24/11/2026" in note
    assert "Motif : Rejetée : engagement inconnu" in note
    assert "Net à votre crédit 199,00 €" in note
    assert "Compensé avec la facture annulée : rien n’est à régler ni à rembourser." in note
    assert "IBAN" not in note


@pytest.mark.slow
def test_a_company_is_known_by_its_siren_where_it_gave_no_siret():
    company = {"payer": Payer.COMPANY, "siret": "", "siren": "213001894"}
    text = text_of(invoicing.issue_invoice(StoredOrderFactory(five_classes=True, **company), at=TERM))
    assert "SIREN du client 213 001 894" in text.replace("\u00a0", " ")
    assert "SIRET du client" not in text


@pytest.mark.slow
def test_the_invoice_names_the_school_and_the_signed_purchase_order():
    order = OrderFactory(placed=True, affiliation__school__name="Ecole Jean Jaurès")
    signed = get_or_create_purchase_order(order, at=TERM)
    text = text_of(actions.confirm(order))
    assert f"Bon de commande {signed.number}" in text
    assert "Pour École Jean Jaurès" in text
    assert "Bon de commande" not in text_of(
        invoicing.issue_invoice(StoredOrderFactory(card_purchase=True), at=TERM, paid_by_card=True)
    )


@pytest.mark.slow
def test_vat_on_debits_is_stated_in_the_legal_wording():
    order = StoredOrderFactory(five_classes=True)
    Seller.objects.update(vat_on_debits=True)
    text = text_of(invoicing.issue_invoice(order, at=TERM))
    assert "Option pour le paiement de la taxe d’après les débits" in text
    assert "encaissements" not in text


@pytest.mark.slow
def test_the_pdf_is_pdf_a_3_with_embedded_xml():
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    document = invoicing.get_or_create_document(invoice, at=TERM)
    content = bytes(document.content)
    assert document.sha256 == hashlib.sha256(content).hexdigest()
    assert get_facturx_xml_from_pdf(content, check_xsd=True) == ("factur-x.xml", invoice.xml.encode())

    reader: Any = pdf_of(invoice)
    assert reader.pdf_header in ("%PDF-1.6", "%PDF-1.7"), "associated files came with them"
    root: Any = reader.trailer["/Root"]
    described = root["/Metadata"].get_data().decode()
    for text in (
        "<pdfaid:part>3</pdfaid:part>",
        "<pdfaid:conformance>B</pdfaid:conformance>",
        "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>",
        "<fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>",
        f"Facture {invoice.number}",
    ):
        assert text in described, text
    assert len(reader.trailer["/ID"]) == 2
    assert "/Encrypt" not in reader.trailer
    assert root["/Lang"] == "fr"
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert root["/OutputIntents"][0]["/DestOutputProfile"].get_data()[36:40] == b"acsp"  # an ICC profile
    (attached,) = root["/AF"]
    assert (attached["/F"], attached["/AFRelationship"]) == ("factur-x.xml", "/Alternative")
    assert attached["/EF"]["/F"]["/Subtype"] == "/text/xml"
    fonts = [font for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        (descendant,) = font["/DescendantFonts"]
        assert "/FontFile2" in descendant["/FontDescriptor"]
        assert "/ToUnicode" in font


def test_the_metadata_identify_the_archive_format_to_every_reader():
    """veraPDF reads the PDF/A identification only from descriptions with `rdf:about`, under declared namespaces."""
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    root: Any = pdf_of(invoice).trailer["/Root"]
    metadata: Any = root["/Metadata"]
    assert "/Filter" not in metadata, "PDF/A: a compressed packet is not found by a scan of the file"
    packet = metadata.get_data()
    assert packet.startswith(b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>')
    assert packet.endswith(b'<?xpacket end="w"?>')
    # As written, not as inherited: a reader that looks at one element must find them there.
    rdf = re.search(r"<rdf:RDF[^>]*>", packet.decode())
    assert rdf is not None
    assert set(re.findall(r"xmlns:(\w+)=", rdf.group())) >= {
        *("rdf", "dc", "pdf", "xmp", "fx", "pdfaid", "pdfaExtension", "pdfaSchema", "pdfaProperty")
    }
    descriptions = etree.fromstring(packet).findall(".//{*}Description")
    assert len(descriptions) == 6
    about = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
    assert all(description.get(about) == "" for description in descriptions)


@pytest.mark.slow
def test_a_character_missing_from_the_fonts_is_replaced_by_a_mark(caplog):
    invoice = invoicing.issue_invoice(
        StoredOrderFactory(five_classes=True, bill_name="Coopérative 🎒 de l'e\u0301cole"), at=TERM
    )
    assert "Coopérative ? de l’école" in text_of(invoice)
    assert not caplog.records, "archives refuse a glyph that is missing"
