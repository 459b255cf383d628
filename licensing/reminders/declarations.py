"""What reminders declare: e-mails, events, journal, error codes, and what pages of pools say of them."""

from api.problem_details import ErrorCode, declare_errors
from collectivities.journal import JournalAction, declare_actions, declare_subject
from licensing.pools.declarations import LICENCES
from licensing.pools.positions import note_queries
from licensing.pools.queries import stopped_queries
from licensing.reminders import emails, queries
from licensing.reminders.operations import ReminderEvent
from webhooks.event_types import declare_event_types

declare_event_types(ReminderEvent)
emails.register_kinds()
note_queries.declare("reminders", queries.describe_pools)
stopped_queries.declare("reminders", queries.find_stopped)

declare_subject("reminders", "Relances automatiques", rank=40)
declare_actions(
    {
        "reminders.sent": JournalAction(
            "Relances envoyées",
            ("école relancée automatiquement", "écoles relancées automatiquement"),
            has_address=True,
        ),
        "reminders.cancelled": JournalAction("Relances annulées", ("relance annulée", "relances annulées")),
        "reminders.policy_changed": JournalAction("Réglages des relances"),
        "reminders.stopped": JournalAction("Relances arrêtées par une école"),
        "reminders.resumed": JournalAction("Relances arrêtées par une école"),
    }
)

declare_errors(
    LICENCES,
    ErrorCode("unknown_reminder", "", "La relance n'est plus prévue.", "Relisez la liste des relances."),
    ErrorCode("reminder_already_sent", "", "La relance est partie.", "Il n'y a rien à faire."),
)  # fmt: skip
