"""What rebalancing declares: the names of its entries in the journal, and its page in the menu."""

from collectivities.journal import JournalAction, declare_actions
from web.frame import declare_page

declare_actions(
    {
        "pools.rebalanced": JournalAction("Rééquilibrages"),
        "pools.rebalancing_undone": JournalAction("Rééquilibrages"),
    }
)

declare_page("rebalancing:list", "Rééquilibrer", section="Distribuer", rank=60)
