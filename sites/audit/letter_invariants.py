"""Invariants of e-mails: letters to principals and members, reminders, and what became of each."""

from __future__ import annotations

from sites.audit.invariants import Invariant
from sites.audit.public_rows import FAILED_SENDINGS

#: Checked in the public schema.
PUBLIC_LETTER_INVARIANTS = (
    # A minute less than the half hour: the clocks of two machines, and the wait of a claim.
    Invariant(
        "taken_licences",
        "60. Les licences que des enseignants prennent en une demi-heure sont annoncées en un e-mail à chacun",
        """
        SELECT format('message n° %s : abonnement n° %s, %s après le précédent', id, topic_id, created_at - previous)
        FROM (
            SELECT id, topic_id, created_at,
                   lag(created_at) OVER (PARTITION BY topic_id, recipient, context->'user' ORDER BY created_at, id)
                       AS previous
            FROM mailing_message
            WHERE topic = 'subscription' AND kind = 'seat.taken' AND recipient <> '' AND state <> 'cancelled'
        ) AS written
        WHERE created_at < previous + interval '29 minutes'
        """,
    ),
)
#: Checked in each collectivity's schema.
LETTER_INVARIANTS = (
    Invariant(
        "member_letters",
        "58. Une lettre de la semaine, ou un rappel du mois, part une fois à un membre ; jamais sans avoir été prise",
        """
        SELECT format('message n° %%s (%%s) : lettre n° %%s de ce membre et de cette période, écrite %%s fois', id,
                      kind, letter_id, times)
        FROM (
            SELECT message.id, message.kind, message.topic_id AS letter_id,
                   count(*) OVER (PARTITION BY letter.member_id, letter.letter, letter.period) AS times,
                   letter.id AS found
            FROM mailing_message AS message
            LEFT JOIN collectivities_memberletter AS letter ON letter.id = message.topic_id
            WHERE message.topic IN ('weekly_letter', 'renewal_reminder')
        ) AS written
        WHERE found IS NULL OR times > 1
        """,
    ),
    Invariant(
        "failed_sendings",
        "59. Un envoi qui échoue est annoncé une fois à chacun, et a perdu dix e-mails et un sur cinq au moins",
        """
        SELECT format('envoi n° %%s : annoncé %%s fois au compte n° %%s', topic_id, count(*), context->>'user')
        FROM mailing_message
        WHERE topic = 'failed_sending' AND context ? 'user'
        GROUP BY topic_id, context->>'user'
        HAVING count(*) > 1
        UNION ALL
        SELECT format('envoi n° %%s : %%s perdus sur %%s', sending.id, sending.lost, sending.handled)
        FROM sending
        WHERE sending.lost < 10 OR sending.lost * 5 < sending.handled OR sending.lost > sending.handled
        """,
        (FAILED_SENDINGS,),
    ),
)
