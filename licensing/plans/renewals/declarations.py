# ruff: noqa: F401 - imports of modules that register what they hold
"""What renewals declare: their e-mails, the names of their entries in the journal, and error codes."""

from api.problem_details import A_RULE_REFUSES, ErrorCode, declare_errors, declare_family
from collectivities.journal import JournalAction, declare_actions, declare_subject
from licensing.plans.renewals import emails

declare_subject("renewals", "Reconduction", rank=60)
declare_actions(
    {
        "renewals.edited": JournalAction("Liste de reconduction changée"),
        "renewals.ordered": JournalAction("Reconduction commandée"),
        "renewals.declined": JournalAction("Reconduction laissée sans suite ou rouverte"),
        "renewals.reopened": JournalAction("Reconduction laissée sans suite ou rouverte"),
        "renewals.applied": JournalAction("Reconduction attribuée ou annulée"),
        "renewals.application_undone": JournalAction("Reconduction attribuée ou annulée"),
    }
)

RENEWAL = declare_family("Reconduction", A_RULE_REFUSES, rank=70)
declare_errors(
    RENEWAL,
    ErrorCode("renewal_changed", "", "La liste a changé depuis que vous l'avez lue.",
              "Lisez-la de nouveau, et renvoyez sa `version`."),
    ErrorCode("renewal_not_open", "", "La reconduction n'est pas ouverte : elle l'est du 1er avril au 31 août.",
              "Attendez le jour que `opens_on` donne."),
    ErrorCode("wrong_renewal_state", "", "Un devis tient le prix de la liste, ou elle est attribuée, ou sans suite.",
              "Lisez son état ; au bureau, abandonnez le devis ou rouvrez-la."),
    ErrorCode("invalid_renewal_line", "", "Une école n'est pas de la liste, est fermée, ou figure deux fois.",
              "Corrigez celle que `detail` nomme."),
)  # fmt: skip
