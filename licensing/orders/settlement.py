"""How orders are settled and payments made: each method once, with all that follows from it.

Checkout, documents, electronic invoices, e-mails, accounting and the operator's forms read it here: a new method is a
member and its rules, and no migration. What is paid first is paid by card: `payments.card` and the checkout page know
that method by name.
"""

from dataclasses import dataclass

from django.db import models


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRules:
    """What follows from the way in which an order is to be settled."""

    #: What happens then, as the shop's first page says it.
    pitch: str
    #: Whether the order is placed unpaid, and a purchase order awaited; else it is paid first, and placed by that.
    has_purchase_order: bool = True


class SettlementMethod(models.TextChoices):
    """How an order is to be settled, as chosen by the buyer; a payment states its `PaymentMethod`."""

    CARD = "card", "Carte bancaire"
    MANDATE = "mandate", "Chèque ou mandat administratif"

    @property
    def by(self) -> str:
        """« par carte bancaire », as the shop offers it."""
        return f"par {self.label.lower()}"

    @property
    def rules(self) -> SettlementRules:
        return _SETTLEMENTS[self]


_SETTLEMENTS = {
    SettlementMethod.CARD: SettlementRules(
        pitch="vos licences vous sont créditées et facturées tout de suite.",
        has_purchase_order=False,
    ),
    SettlementMethod.MANDATE: SettlementRules(
        pitch="vous téléchargez le bon de commande, vous le signez et vous nous l’adressez\xa0; la facture suit. En "
        "attendant, des droits temporaires vous sont crédités gratuitement pendant 45 jours\xa0: dès la commande pour "
        "un établissement choisi dans l’annuaire\xa0; sinon, au-delà de 5 classes, dès que nous avons vérifié la "
        "commande.",
    ),
}
#: Settlement methods that need a signed purchase order.
BY_PURCHASE_ORDER = [method for method in SettlementMethod if method.rules.has_purchase_order]


def list_settlement_choices() -> list[tuple[str, str]]:
    """Return the choices of the model's field: migrations name this function, and not the methods."""
    return SettlementMethod.choices


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRules:
    """What follows from the way in which a payment was made."""

    #: UNTDID 4461, as Chorus Pro accepts it (BT-81): of an invoice that was paid so; of an amount that goes back so.
    code: str
    refund_code: str
    #: How the amount of a credit note goes back.
    refund_terms: str
    #: After « Nous vous remboursons 49,00 € », in an e-mail.
    refunded: str
    #: After « Il dit : », what the buyer reads of one that the bank returned; empty where it cannot.
    returned: str = ""
    #: Journal of receipts and of their reversals; journal of refunds.
    journal: str
    refund_journal: str
    #: Format of its accounting label; may name `{order_id}` and `{reference}`.
    entry_label: str
    #: Whether the operator records it; else the card provider's events do.
    is_recorded_by_hand: bool = True


class PaymentMethod(models.TextChoices):
    """How a payment was made; an order states its intended `SettlementMethod`."""

    CARD = "card", "Carte bancaire"
    CHEQUE = "cheque", "Chèque"
    TRANSFER = "transfer", "Virement ou mandat administratif"

    @property
    def rules(self) -> PaymentRules:
        return _PAYMENTS[self]


_PAYMENTS = {
    PaymentMethod.CARD: PaymentRules(
        code="48",
        refund_code="48",
        refund_terms="Remboursement sur la carte bancaire qui a réglé la facture.",
        refunded="sur la carte qui avait payé ; votre banque l'affiche d'ordinaire sous quelques jours",
        journal="cards",
        refund_journal="cards",
        entry_label="Carte bancaire, commande {order_id}",
        is_recorded_by_hand=False,
    ),
    PaymentMethod.CHEQUE: PaymentRules(
        code="20",
        refund_code="20",
        refund_terms="Remboursement par chèque.",
        refunded="par chèque",
        returned="votre chèque est revenu impayé",
        journal="cheques",
        # What is given back by cheque leaves the bank: only a cheque received waits to be deposited.
        refund_journal="bank",
        entry_label="Chèque {reference}",
    ),
    PaymentMethod.TRANSFER: PaymentRules(
        code="30",
        # To an account that the credit note need not name: 30 must, and it is the buyer's.
        refund_code="42",
        refund_terms="Remboursement par virement, sur le compte qui a réglé la facture. Pour un autre compte, "
        "écrivez-nous à l'adresse e-mail ci-dessus.",
        refunded="par virement",
        returned="votre virement a été rejeté",
        journal="bank",
        refund_journal="bank",
        entry_label="Virement {reference}",
    ),
}


#: How a buyer pays an invoice, as the invoice, the quote, the purchase order and e-mails say it.
PAYS_BY_ON_INVOICE = "par virement, mandat administratif ou chèque"
PAYS_BY_ON_QUOTE = "par mandat administratif, virement ou chèque"
PAYS_BY_ON_PURCHASE_ORDER = "par chèque, virement ou mandat"
PAYS_BY_IN_EMAILS = "par virement ou par chèque"


def list_payment_choices() -> list[tuple[str, str]]:
    """Return the choices of the models' fields: migrations name this function, and not the methods."""
    return PaymentMethod.choices
