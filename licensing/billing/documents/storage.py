"""The one storage of rendered documents with their hash, and their download."""

from __future__ import annotations

import datetime
import hashlib

from django.http import HttpResponse
from django.utils.text import slugify

from core.documents import build_file_response
from licensing.billing.models import BillingDocument, BillingDocumentKind, Invoice
from licensing.catalogue.models import Seller
from licensing.exceptions import LicensingError

_FILE_NAMES = {
    BillingDocumentKind.QUOTE: "devis",
    BillingDocumentKind.PURCHASE_ORDER: "bon-de-commande",
    BillingDocumentKind.INVOICE: "facture",
    BillingDocumentKind.CREDIT_NOTE: "avoir",
}


class DocumentUnavailable(LicensingError):
    """The order has no such document: no quote was issued, or it is not paid by cheque or mandat administratif."""

    code = "document_missing"


def get_seller() -> Seller:
    """Return the seller. Raises `DocumentUnavailable` if it is not configured yet."""
    found_seller = Seller.objects.first()
    if found_seller is None:
        raise DocumentUnavailable(
            "Ce document ne peut pas encore être établi : le vendeur n'est pas renseigné. Écrivez-nous."
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
