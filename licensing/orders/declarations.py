# ruff: noqa: F401 - imports of modules that register what they hold
"""What orders declare: e-mails, names of entries in the journal, and which orders are under review."""

from collectivities.journal import JournalAction, declare_actions, declare_subject
from licensing.entitlements.queries import review_finders
from licensing.orders import emails, queries

review_finders.declare("orders", queries.find_orders_under_review)

declare_subject("orders", "Achats", rank=10)
declare_actions(
    {
        "orders.quoted": JournalAction("Devis établi"),
        "orders.placed": JournalAction("Commande passée"),
        "orders.confirmed": JournalAction("Commande confirmée, facture émise"),
        "orders.rights_opened": JournalAction("Licences ouvertes"),
        "orders.started": JournalAction("Licences ouvertes"),
        "orders.prolonged": JournalAction("Échéance prolongée"),
        "orders.scan_received": JournalAction("Bon de commande déposé"),
        "orders.scan_refused": JournalAction("Bon de commande refusé"),
        "orders.suspended": JournalAction("Commande suspendue ou rétablie"),
        "orders.restored": JournalAction("Commande suspendue ou rétablie"),
        "orders.lapsed": JournalAction("Commande annulée ou abandonnée"),
        "orders.cancelled": JournalAction("Commande annulée ou abandonnée"),
        "orders.discarded": JournalAction("Commande annulée ou abandonnée"),
    }
)
