"""What an invoice or a credit note says, as an immutable snapshot from which the PDF and the XML are rendered.

Snapshots hold the number and the legal notices that French law requires: changes of these apply to new invoices.

Code de commerce, articles L. 441-9 (content of an invoice), L. 441-10 and D. 441-5 (late payment); for public payers,
code de la commande publique, articles L. 2192-13, R. 2192-31 and D. 2192-35.
"""

from __future__ import annotations

import datetime
from typing import TypedDict

from core import formatting
from licensing.orders.models import PaymentMethod

#: Legal payment term of local authorities (code de la commande publique, article R. 2192-10), granted to all payers.
DAYS_TO_PAY = 30

_MEANS = {
    PaymentMethod.CARD: "carte bancaire",
    PaymentMethod.CHEQUE: "chèque",
    PaymentMethod.TRANSFER: "virement ou mandat administratif",
}


_REFUNDS = {
    PaymentMethod.CARD: "Remboursement sur la carte bancaire qui a réglé la facture.",
    PaymentMethod.CHEQUE: "Remboursement par chèque.",
    PaymentMethod.TRANSFER: "Remboursement par virement, sur le compte qui a réglé la facture. Pour un autre compte, "
    "écrivez-nous à l'adresse e-mail ci-dessus.",
}


class LegalNotices(TypedDict):
    """The legal notices. The French rules look them up by code (BT-21): PMD, PMT, AAB."""

    penalties: str
    indemnity: str
    discount: str
    vat: str
    vat_on_debits: bool
    operation: str


def build_legal_notices(*, public: bool, vat_on_debits: bool, without_vat: str = "") -> LegalNotices:
    """Return the legal notices of an invoice to a public body or another payer, consistent with the terms of sale.

    `without_vat`: why no VAT is charged, as documents state it; empty where some is.
    """
    if public:
        penalties = (
            "Tout retard de paiement fait courir de plein droit des intérêts moratoires au taux de refinancement de la "
            "Banque centrale européenne majoré de 8 points (articles L. 2192-13 et R. 2192-31 du code de la commande "
            "publique)."
        )
        article = "due en cas de retard : 40 € (article D. 2192-35 du code de la commande publique)"
    else:
        penalties = (
            "Tout retard de paiement d'un professionnel rend exigibles, sans rappel et dès le lendemain de l'échéance, "
            "des pénalités au taux de refinancement de la Banque centrale européenne majoré de 10 points "
            "(article L. 441-10 du code de commerce)."
        )
        article = "due par un professionnel en cas de retard : 40 € (article D. 441-5 du code de commerce)"
    indemnity = f"Indemnité forfaitaire pour frais de recouvrement {article}."
    # Exact wordings of CGI, annexe II, article 242 nonies A.
    due = "Option pour le paiement de la taxe d'après les débits." if vat_on_debits else "TVA sur les encaissements."
    return LegalNotices(
        penalties=penalties,
        indemnity=indemnity.replace(" €", f"{formatting.NO_BREAK_SPACE}€"),
        discount="Pas d'escompte pour paiement anticipé.",
        vat=without_vat or due,
        vat_on_debits=vat_on_debits,
        operation="Nature de l'opération : prestation de services.",
    )


def format_payment_terms(due_on: datetime.date) -> str:
    """Return the payment terms of an unpaid invoice."""
    return (
        f"Paiement à {DAYS_TO_PAY} jours, au plus tard le {formatting.long_date(due_on)}, "
        "par virement, mandat administratif ou chèque."
    )


def format_paid_terms(means: str, on: datetime.date) -> str:
    """Return the payment terms of a paid invoice."""
    return f"Réglée par {_MEANS[PaymentMethod(means)]} le {formatting.long_date(on)}."


def format_credit_note_terms(number: str, on: datetime.date, *, scope: str = "total") -> str:
    """Return the terms of a credit note: the invoice that it corrects, and how much of it (a `CreditScope`)."""
    kind = {"total": "Avoir total", "part": "Avoir partiel", "rest": "Avoir pour le reste"}[scope]
    return f"{kind} sur la facture {number} du {formatting.long_date(on)}."


def format_refund_terms(means: str, *, replaced: bool = False, partial: bool = False) -> str:
    """Return how the amount of a credit note goes back; `means`: a `PaymentMethod`, empty if nothing is to go back.

    `replaced`: another invoice follows, which takes what was paid. `partial`: the invoice is still to be paid.
    """
    if means:
        return _REFUNDS[PaymentMethod(means)]
    if partial:
        return "Déduit de la facture : ce qui en reste à régler diminue d'autant."
    return (
        "Compensé avec la facture qui remplace celle-ci : rien n'est à rembourser."
        if replaced
        else "Compensé avec la facture annulée : rien n'est à régler ni à rembourser."
    )
