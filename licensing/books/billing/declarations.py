# ruff: noqa: F401 - imports of modules that register what they hold
"""What billing declares: its e-mails, and the names of its entries in the journal."""

from collectivities.journal import JournalAction, declare_actions
from licensing.books.billing import emails
from licensing.books.billing.models import PlatformState

declare_actions(
    {
        "orders.completed": JournalAction("Facturation complétée ou corrigée"),
        "orders.corrected": JournalAction("Facturation complétée ou corrigée"),
        "orders.vat_corrected": JournalAction("Facturation complétée ou corrigée"),
        "orders.reinvoiced": JournalAction("Facture remplacée ou avoir"),
        "orders.credited": JournalAction("Facture remplacée ou avoir"),
        "orders.platform_sent": JournalAction("Suivi de la facture"),
        "orders.platform_not_sent": JournalAction("Suivi de la facture"),
        "orders.platform_given_up": JournalAction("Suivi de la facture"),
        "orders.platform_taken_back": JournalAction("Suivi de la facture"),
        "orders.collection_declared": JournalAction("Suivi de la facture"),
        # The states of an invoice on its platform.
        **{f"orders.platform_{state.value}": JournalAction("Suivi de la facture") for state in PlatformState},
    }
)
