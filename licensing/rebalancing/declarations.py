"""What rebalancing declare: names of entries of the journal."""

from collectivities.journal import JournalAction, declare_actions
from web.frame import declare_page

declare_actions(
    {
        "pools.rebalanced": JournalAction("Rééquilibrages"),
        "pools.rebalancing_undone": JournalAction("Rééquilibrages"),
    }
)

declare_page("rebalancing:list", "Rééquilibrer", section="Distribuer", rank=60)
