"""Invariants of reminders, in each collectivity's schema."""

from __future__ import annotations

from sites.audit.invariants import Invariant
from sites.audit.public_rows import WRITTEN_WEEKS

REMINDER_INVARIANTS = (
    Invariant(
        "reminder_weeks",
        "47. Une relance automatique part une fois, à une école dont la semaine a été prise pour elle",
        """
        SELECT format('établissement %%s, semaine du %%s : %%s relances, semaine prise par %%s', school_id, week,
                      count(*), coalesce(min(schema), 'personne'))
        FROM (
            SELECT reminder.school_id, written.schema,
                   date_trunc('week', reminder.sent_at AT TIME ZONE 'Europe/Paris')::date AS week
            FROM reminders_reminder AS reminder
            LEFT JOIN written
                ON written.school_id = reminder.school_id
                AND written.week = date_trunc('week', reminder.sent_at AT TIME ZONE 'Europe/Paris')::date
            WHERE reminder.sent_at IS NOT NULL
        ) AS sent
        GROUP BY school_id, week
        HAVING count(*) > 1 OR min(schema) IS DISTINCT FROM %(schema)s
        """,
        (WRITTEN_WEEKS,),
    ),
    Invariant(
        "reminders_of_revoked",
        "47. Aucune relance n'est en route après la reprise de sa clé",
        """
        SELECT format('message n° %%s, %%s, de l''attribution n° %%s, reprise le %%s', message.id, message.state,
                      allocation.id, allocation.revoked_at)
        FROM mailing_message AS message
        JOIN pools_allocation AS allocation ON allocation.id = message.topic_id
        WHERE message.topic = 'allocation' AND message.kind IN ('key_reminder', 'unused_reminder', 'october_reminder')
          AND message.state IN ('queued', 'deferred', 'held') AND message.unanswered = 0
          AND allocation.revoked_at IS NOT NULL
        """,
    ),
    Invariant(
        "reminder_stops",
        "48. Un établissement qui a arrêté les relances n'en a plus de prévue",
        """
        SELECT format('relance n° %%s, prévue le %%s : %%s les a arrêtées', reminder.id, reminder.planned_for,
                      reminder.school_id)
        FROM reminders_reminder AS reminder
        JOIN reminders_reminderstop AS stop ON stop.school_id = reminder.school_id
            AND (stop.allocation_id IS NULL OR stop.allocation_id = reminder.allocation_id)
        WHERE reminder.sent_at IS NULL AND reminder.cancelled_at IS NULL
        """,
    ),
)
