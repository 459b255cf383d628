# ruff: noqa: F401 - imports of modules that register what they hold
"""What returns declare: e-mails, events, journal, error codes, menu, and the act of asking many schools."""

from api.problem_details import ErrorCode, declare_errors
from collectivities.journal import JournalAction, declare_actions
from licensing.pools.declarations import LICENCES
from licensing.requests.returns import emails
from licensing.requests.returns.operations import ReturnEvent
from web.frame import declare_page
from webhooks.event_types import declare_event_types

declare_event_types(ReturnEvent)

declare_actions(
    {
        "pools.returned": JournalAction("Licences rendues"),
        "pools.return_undone": JournalAction("Licences rendues"),
        "pools.return_requested": JournalAction("Licences demandées aux écoles"),
        "pools.return_request_withdrawn": JournalAction("Licences demandées aux écoles"),
        "pools.return_declined": JournalAction("Licences demandées aux écoles"),
    }
)

declare_errors(
    LICENCES,
    ErrorCode("not_redeemed", "", "La clé n'est pas activée : il n'y a rien à demander à l'école.",
              "Réduisez ou reprenez l'attribution."),
    ErrorCode("nothing_unused", "", "Chaque licence de la clé est utilisée, réservée, ou garde une classe.",
              "Il n'y a rien à demander."),
    ErrorCode("more_than_unused", "", "C'est plus que ce qui ne sert pas ; `detail` dit combien.",
              "Demandez moins, ou omettez `units`."),
    ErrorCode("return_already_requested", "", "Une demande attend déjà la réponse de l'école.",
              "Attendez-la, ou retirez la demande."),
    ErrorCode("return_requested_lately", "", "L'école a été sollicitée il y a moins de 60 jours.",
              "Attendez, ou envoyez `again`."),
    ErrorCode("return_request_ended", "", "L'école a déjà répondu à la demande.", "Il n'y a plus rien à retirer."),
)  # fmt: skip

declare_page("returns:list", "Rendre", section="Distribuer", rank=50)
