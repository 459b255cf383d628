# ruff: noqa: F401 - imports of modules that register what they hold
"""What requests declare: e-mails, events, journal, error codes, menu; what a given or taken back seat answers."""

from api.problem_details import A_RULE_REFUSES, ErrorCode, declare_errors, declare_family
from collectivities.journal import JournalAction, declare_actions, declare_subject
from licensing.entitlements.seat_holders import seat_listeners, undo_listeners
from licensing.pools.filters import asking_queries
from licensing.requests.school_requests import emails
from licensing.requests.school_requests.operations import RequestEvent, fulfil_requests, reopen
from licensing.requests.school_requests.queries import find_requesting_schools
from web.frame import declare_page
from webhooks.event_types import declare_event_types

declare_event_types(RequestEvent)
asking_queries.declare("requests", find_requesting_schools)
seat_listeners.declare("requests", fulfil_requests)
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

SCHOOL_REQUESTS = declare_family("Demandes", A_RULE_REFUSES, rank=60)
declare_errors(
    SCHOOL_REQUESTS,
    ErrorCode("unknown_request", "", "Une demande n'existe pas à votre collectivité, ou figure deux fois.",
              "Lisez la liste des demandes, et envoyez chacune une fois."),
    ErrorCode("request_answered", "", "Une demande a déjà sa réponse, ou l'école l'a retirée : `detail` dit laquelle.",
              "Lisez de nouveau les demandes en attente."),
    ErrorCode("pool_of_another_year", "", "Le lot n'est pas de l'année scolaire demandée.",
              "Choisissez un lot de cette année-là."),
    ErrorCode("invalid_reason", "", "La phrase du refus est vide, trop longue, ou porte une adresse.",
              "Corrigez-la comme `detail` le dit."),
)  # fmt: skip

declare_page("requests:list", "Demandes", section="Distribuer", rank=20)
