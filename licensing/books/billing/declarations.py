# ruff: noqa: F401 - imports of modules that register what they hold
"""What billing declares: its e-mails, and the names of its entries in the journal."""

from collectivities.journal import JournalAction, declare_actions
from licensing.books.billing import emails
from licensing.books.billing.models import PlatformState

_COMPLETED = ("orders.completed", "orders.corrected", "orders.vat_corrected")
_FOLLOWED = (
    *(f"orders.platform_{word}" for word in ("sent", "not_sent", "given_up", "taken_back", *PlatformState.values)),
    "orders.collection_declared",
)
declare_actions(
    {
        **dict.fromkeys(_COMPLETED, JournalAction("Facturation complétée ou corrigée")),
        **dict.fromkeys(("orders.reinvoiced", "orders.credited"), JournalAction("Facture remplacée ou avoir")),
        **dict.fromkeys(_FOLLOWED, JournalAction("Suivi de la facture")),
    }
)
