"""What French law has every invoice say, word for word. Frozen in each invoice's facts: a new text is for new invoices.

Code de commerce, articles L. 441-9 (what an invoice says), L. 441-10 and D. 441-5 (late payment); a public payer's
delays and interests are those of the code de la commande publique, articles L. 2192-13, R. 2192-31 and D. 2192-35.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from licensing.orders.models import PaymentMethod
from web import typography

if TYPE_CHECKING:
    import datetime

#: Local authorities have thirty days to pay (code de la commande publique, article R. 2192-10); so has everybody here.
DAYS_TO_PAY = 30

_MEANS = {
    PaymentMethod.CARD: "carte bancaire",
    PaymentMethod.CHEQUE: "chèque",
    PaymentMethod.TRANSFER: "virement ou mandat administratif",
}


class Mentions(TypedDict):
    """The mentions, each with the code by which the French rules look for it (BT-21): PMD, PMT, AAB."""

    penalties: str
    indemnity: str
    discount: str
    vat: str
    vat_on_debits: bool
    operation: str


def of_payer(*, public: bool, vat_on_debits: bool) -> Mentions:
    """Return the mentions of an invoice, to a public body or to anybody else; they agree with the terms of sale."""
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
    return Mentions(
        penalties=penalties,
        indemnity=indemnity.replace(" €", f"{typography.NO_BREAK_SPACE}€"),
        discount="Pas d'escompte pour paiement anticipé.",
        # Word for word that of CGI, annexe II, article 242 nonies A.
        vat="Option pour le paiement de la taxe d'après les débits." if vat_on_debits else "TVA sur les encaissements.",
        vat_on_debits=vat_on_debits,
        operation="Nature de l'opération : prestation de services.",
    )


def terms(due_on: datetime.date) -> str:
    """Return how an invoice that is not paid yet is paid, and until when."""
    return (
        f"Paiement à {DAYS_TO_PAY} jours, au plus tard le {typography.day(due_on)}, "
        "par virement, mandat administratif ou chèque."
    )


def paid(means: str, on: datetime.date) -> str:
    """Return that there is nothing left to pay."""
    return f"Réglée par {_MEANS[PaymentMethod(means)]} le {typography.day(on)}."


def taken_back(number: str, on: datetime.date) -> str:
    """Return which invoice a credit note takes back."""
    return f"Avoir total sur la facture {number} du {typography.day(on)}."
