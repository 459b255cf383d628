# ruff: noqa: F401 - imports of modules that register what they hold
"""What requests declare: e-mails and events, which schools ask, and what a given or taken back seat answers."""

from api.problem_details import RULE, Error, declare_errors, declare_family
from collectivities.journal import JournalAction, declare_actions, declare_subject
from licensing.entitlements.seat_holders import seat_listeners, undo_listeners
from licensing.pools.filters import asking_queries
from licensing.requests import emails
from licensing.requests.operations import RequestEvent, answer_served, reopen
from licensing.requests.queries import find_asking_schools
from web.frame import declare_page
from webhooks.event_types import declare_event_types

declare_event_types(RequestEvent)
asking_queries.declare("requests", find_asking_schools)
seat_listeners.declare("requests", answer_served)
undo_listeners.declare("requests", reopen)

declare_subject("requests", "Demandes des écoles", rank=50)
declare_actions(
    {
        "requests.created": JournalAction("Demandes reçues"),
        "requests.withdrawn": JournalAction("Demandes retirées par l'école"),
        "requests.accepted": JournalAction("Demandes acceptées"),
        "requests.refused": JournalAction("Demandes refusées"),
    }
)

SCHOOL_REQUESTS = declare_family("Demandes", RULE, rank=60)
declare_errors(
    SCHOOL_REQUESTS,
    Error("unknown_request", "", "Une demande n'existe pas à votre collectivité, ou figure deux fois.",
          "Lisez la liste des demandes, et envoyez chacune une fois."),
    Error("request_answered", "", "Une demande a déjà sa réponse, ou l'école l'a retirée : `detail` dit laquelle.",
          "Lisez de nouveau les demandes en attente."),
    Error("pool_of_another_year", "", "Le lot n'est pas de l'année scolaire demandée.",
          "Choisissez un lot de cette année-là."),
    Error("invalid_reason", "", "La phrase du refus est vide, trop longue, ou porte une adresse.",
          "Corrigez-la comme `detail` le dit."),
)  # fmt: skip

declare_page("requests:list", "Demandes", section="Distribuer", rank=20)
