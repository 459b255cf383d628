"""The invariants of what became of e-mails: what bounced says why, what waits is to a refused address."""

from __future__ import annotations

from sites.audit.invariants import Invariant
from sites.audit.public_rows import REFUSED_ADDRESSES

#: Checked in the public schema and in each collectivity's: the outbox is in all of them.
OUTBOX_INVARIANTS = (
    Invariant(
        "bounced_emails",
        "45. Un e-mail rejeté dit pourquoi et quand ; seul un e-mail envoyé est dit en attente chez le destinataire",
        """
        SELECT format('e-mail n° %%s : rejeté, sans motif ou sans date', message.id)
        FROM mailing_message AS message
        WHERE message.state = 'bounced' AND (message.reported_at IS NULL OR message.reason = '')
        UNION ALL
        SELECT format('e-mail n° %%s (%%s) : dit en attente chez le destinataire', message.id, message.state)
        FROM mailing_message AS message
        WHERE message.delayed_until IS NOT NULL AND (message.state <> 'sent' OR message.reported_at IS NULL)
        """,
    ),
    Invariant(
        "refused_addresses",
        "46. Un e-mail qui attend une décision est retenu, et son adresse est refusée, en sachant où il attend",
        """
        SELECT format('e-mail n° %%s (%%s) : attend une décision, alors que son adresse n''est pas refusée', message.id,
                      message.state)
        FROM mailing_message AS message
        LEFT JOIN refused ON refused.address = lower(trim(message.recipient))
        WHERE message.refusal = 'waiting'
          AND (message.state <> 'held' OR refused.address IS NULL OR NOT refused.waits_here)
        """,
        (REFUSED_ADDRESSES,),
    ),
)
