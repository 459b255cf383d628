# ruff: noqa: F401 - imports of modules that register what they hold
"""What payments declare: e-mails, events, and the names of their entries in the journal."""

from collectivities.journal import JournalAction, declare_actions
from licensing.payments import emails
from licensing.payments.operations import PaymentEvent
from webhooks.event_types import declare_event_types

declare_event_types(PaymentEvent)

declare_actions(
    {
        "orders.reminded": JournalAction("Rappel de paiement"),
        "orders.payment_recorded": JournalAction("Paiement", ("règlement reçu", "règlements reçus")),
        "orders.paid": JournalAction("Paiement", ("commande réglée", "commandes réglées")),
        "orders.paid_in_excess": JournalAction("Paiement"),
        "orders.surplus_moved": JournalAction("Paiement"),
        "orders.unpaid_again": JournalAction("Paiement annulé ou remboursé"),
        "orders.payment_reversed": JournalAction("Paiement annulé ou remboursé"),
        "orders.refunded": JournalAction("Paiement annulé ou remboursé"),
        "orders.card_started": JournalAction("Paiement par carte"),
        "orders.card_checked": JournalAction("Paiement par carte"),
        "orders.card_refund_retried": JournalAction("Paiement par carte"),
        "orders.card_refunded": JournalAction("Paiement par carte"),
        "orders.card_undue_refunded": JournalAction("Paiement par carte"),
    }
)
