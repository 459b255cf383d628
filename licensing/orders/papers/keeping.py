"""Papers are kept as they were made out, with their hash, and handed over as downloads."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.utils.text import slugify

from licensing.exceptions import Refused
from licensing.orders.models import Document, DocumentKind, Seller

if TYPE_CHECKING:
    import datetime

    from licensing.orders.models import Order

_FILES = {
    DocumentKind.QUOTE: "devis",
    DocumentKind.PURCHASE_ORDER: "bon-de-commande",
    DocumentKind.INVOICE: "facture",
    DocumentKind.CREDIT_NOTE: "avoir",
}


class NoPaper(Refused):
    """The order has no such paper: it was not quoted, or is not to be paid by cheque or mandat administratif."""

    code = "no_paper"


def seller() -> Seller:
    """Return who sells. Raises `NoPaper` where the operator has not said it yet."""
    one = Seller.objects.first()
    if one is None:
        raise NoPaper("Ce document ne peut pas encore être établi : le vendeur n'est pas renseigné. Écrivez-nous.")
    return one


def found(kind: DocumentKind, number: str) -> Document | None:
    """Return the paper of that number if it was made out."""
    return Document.objects.filter(kind=kind, number=number).first()


def keep(content: bytes, *, kind: DocumentKind, number: str, order: Order, at: datetime.datetime) -> Document:
    """Keep a paper that was just made out; the caller has locked the order, so that it is made out once."""
    return Document.objects.create(
        kind=kind,
        order=order,
        number=number,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        made_at=at,
    )


def download(document: Document) -> HttpResponse:
    """Return the document as a file that no shared cache keeps: it names a buyer and what he pays."""
    response = HttpResponse(bytes(document.content), content_type="application/pdf")
    name = f"{_FILES[DocumentKind(document.kind)]}-{slugify(document.number.replace('/', '-'))}.pdf"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
