"""The admin action that takes back a payment: what it does, who is told, and where the payment is recorded anew."""

from __future__ import annotations

import datetime
from decimal import Decimal

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import end_sentence, euros, join_words, long_date
from licensing.billing.queries import get_amount_received, get_balance
from licensing.orders.models import OrderState, PaymentMethod
from licensing.orders.order_events import list_order_recipients
from licensing.payments import operations as payment_operations
from licensing.payments.emails import RETURNED
from licensing.payments.models import Payment, PaymentKind, ReversalReason
from licensing.payments.queries import get_amount_left
from sites.back_office.pages.waiting_sales import TO_CHECK, TO_COLLECT, order_url
from sites.back_office.sales.admin_actions import AdminAction
from sites.back_office.sales.forms import ReversalForm


def get_correction_url(payment: Payment, slug: str) -> str:
    """Return the work page of the order, in the list `slug` if it is one, with the payment to record anew."""
    return f"{order_url(slug if slug == TO_CHECK else TO_COLLECT, payment.order_id)}?reprendre={payment.pk}"


def describe_reversals(payment: Payment) -> list[str]:
    """Return when a payment was reversed and why, a sentence for each time; of a reversal, what it takes back."""
    if payment.kind == PaymentKind.REVERSED and payment.refunds is not None:
        taken_back = payment.refunds
        return [
            end_sentence(
                f"Annule le règlement de {taken_back}, reçu le {long_date(taken_back.received_on)} : "
                f"{_describe_reason(payment)}"
            )
        ]
    reversals = payment.taken_back.filter(kind=PaymentKind.REVERSED).order_by("pk")
    return [_describe_reversal(payment, one) for one in reversals]


def _describe_reversal(payment: Payment, reversal: Payment) -> str:
    what = "Annulé" if reversal.amount == -payment.amount else f"{euros(-reversal.amount)} annulés"
    return end_sentence(f"{what} le {long_date(date_in_paris(reversal.recorded_at))} : {_describe_reason(reversal)}")


def _describe_reason(reversal: Payment) -> str:
    """Return « erreur de saisie », with what the operator added; for another reason, that alone."""
    if reversal.reversal_reason == ReversalReason.OTHER:
        return reversal.explanation
    label = ReversalReason(reversal.reversal_reason).label.lower()
    return f"{label}, {reversal.explanation}" if reversal.explanation else label


def _is_reversible(payment: Payment) -> bool:
    """Whether the payment can be reversed: a cheque or a transfer of which something is left."""
    return payment.card_id is None and payment.amount > 0 and get_amount_left(payment) > 0


def _is_owed_again(payment: Payment) -> bool:
    """Whether the order is to be paid, in part or whole, once what is left of the payment is reversed."""
    order = payment.order
    if order.state == OrderState.PAID:
        return get_amount_received(order) - get_amount_left(payment) < order.owed
    return order.state == OrderState.CONFIRMED


def _explain_reversal(payment: Payment, _at: datetime.datetime) -> list[str]:
    order = payment.order
    sentences = [
        f"{payment}, reçu le {long_date(payment.received_on)} sous la référence « {payment.reference} ».",
        (
            "Pour une erreur de saisie, un chèque revenu impayé ou un virement rejeté. Rien n'est effacé : un "
            "mouvement négatif s'inscrit en face, et la facture ne change pas."
        ),
        "Après une erreur de saisie, la page de la commande propose d'enregistrer de nouveau le règlement.",
    ]
    if order.state == OrderState.PAID and _is_owed_again(payment):
        sentences.append(
            f"{order} redevient à régler si ce qui reste ne la couvre plus : ses droits courent de nouveau jusqu'à leur"
            " échéance, puis la décision vous revient."
        )
    return sentences


def _describe_email(payment: Payment) -> list[str]:
    """Return whether an e-mail leaves for each reason, and to whom."""
    order = payment.order
    if not _is_owed_again(payment):
        why = "est annulée" if order.state == OrderState.CANCELLED else "reste réglée"
        return [f"Aucun e-mail ne part, quel que soit le motif : la commande {why}."]
    recipients = [one.email for one in list_order_recipients(order)]
    if not recipients:
        return ["Aucun e-mail ne part, quel que soit le motif : l'acheteur n'a plus de compte."]
    return [
        (
            f"« Impayé » : un e-mail part aussitôt à {join_words(recipients)}. Il dit : "
            f"« {RETURNED[PaymentMethod(payment.method)]} »."
        ),
        "« Erreur de saisie » ou « Autre » : aucun e-mail ne part.",
    ]


def _reverse(payment: Payment, *, amount: Decimal, reason: str, text: str, by: User, at: datetime.datetime) -> str:
    payment_operations.reverse_payment(payment_id=payment.pk, amount=amount, reason=reason, text=text, by=by, at=at)
    due = get_balance(payment.order)
    if payment.order.state == OrderState.CANCELLED or due <= 0:
        return f"{euros(amount)} annulés."
    return f"{euros(amount)} annulés : {euros(due)} restent à régler."


PAYMENT_REVERSAL: AdminAction[Payment] = AdminAction(
    path="annuler",
    label="Annuler ce règlement",
    is_available=_is_reversible,
    explanation=_explain_reversal,
    notice=_describe_email,
    run=_reverse,
    form=ReversalForm,
    initial=lambda payment, _at: {"amount": get_amount_left(payment)},
    primary=False,
)
