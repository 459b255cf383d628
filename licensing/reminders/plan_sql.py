"""The one statement that plans the reminders of a collectivity, from its rows and what is read of the public ones."""

from __future__ import annotations

from core.schemas import PublicRows
from licensing.entitlements.office_keys import ENTITLEMENTS, REDEEMED_KEYS

#: Day of October from which the letter about licences that sleep leaves; it is dropped at the end of the month.
OCTOBER_DAY = 8
#: Days that a redeemed key is given before that letter, and between two letters about the same licences.
_SETTLING_DAYS, _APART_DAYS = 7, 21

#: The weeks from today's on in which some of these schools are written to.
WRITTEN_WEEKS = PublicRows(
    "written",
    {"school_id": "text", "week": "date"},
    """
    SELECT school_id, week FROM public.schools_writtenweek
    WHERE week >= date_trunc('week', %(today)s::date)::date AND school_id = ANY(%(schools)s)
    """,
)
PLAN = f"""
WITH {ENTITLEMENTS.cte}, {REDEEMED_KEYS.cte}, {WRITTEN_WEEKS.cte}, next_day AS (
    SELECT * FROM unnest(%(places)s::text[], %(days)s::date[], %(writing_days)s::date[])
        AS listed (place, day, writing_day)
), departements AS (
    SELECT * FROM unnest(%(departements)s::text[], %(departement_places)s::text[]) AS listed (code, place)
), academies AS (
    SELECT * FROM unnest(%(academies)s::text[], %(academie_places)s::text[]) AS listed (name, place)
), policy AS (
    SELECT pool.id AS pool_id, entitlement.first_day,
           coalesce(entitlement.provisional_until, entitlement.last_day) AS open_until,
           make_date(extract(year FROM entitlement.last_day)::int - 1, 10, 1) AS october,
           coalesce(policy.unredeemed_days::int[], %(unredeemed_days)s::int[]) AS unredeemed_days,
           CASE WHEN policy.pool_id IS NULL THEN %(unused_days)s::int ELSE policy.unused_days END AS unused_days,
           coalesce(policy.writes_in_october, true) AS writes_in_october
    FROM pools_pool AS pool
    JOIN entitlement ON entitlement.id = pool.entitlement_id
    LEFT JOIN reminders_reminderpolicy AS policy ON policy.pool_id = pool.id
    WHERE coalesce(policy.is_enabled, true) AND entitlement.suspended_at IS NULL
      AND coalesce(entitlement.provisional_until, entitlement.last_day) >= %(today)s
), letter AS (
    -- Of each allocation the last e-mail with its key: a cancelled one tells nothing.
    SELECT DISTINCT ON (topic_id) topic_id AS allocation_id, state, (sent_at AT TIME ZONE 'Europe/Paris')::date AS day
    FROM mailing_message
    WHERE topic = %(topic)s AND kind = %(key_kind)s AND state <> 'cancelled'
    ORDER BY topic_id, id DESC
), past AS (
    SELECT allocation_id, cause, max(step) AS step, (max(sent_at) AT TIME ZONE 'Europe/Paris')::date AS day
    FROM reminders_reminder
    WHERE sent_at IS NOT NULL OR cancelled_at IS NOT NULL
    GROUP BY allocation_id, cause
), active AS (
    SELECT allocation.id AS allocation_id, allocation.school_id, allocation.key_id, policy.*,
           (redeemed.redeemed_at AT TIME ZONE 'Europe/Paris')::date AS redeemed_on, redeemed.free, redeemed.size,
           coalesce(departements.place, academies.place, '') AS place
    FROM pools_allocation AS allocation
    JOIN policy USING (pool_id)
    LEFT JOIN redeemed ON redeemed.key_id = allocation.key_id
    JOIN public.schools_school AS school ON school.uai = allocation.school_id AND school.closed_at IS NULL
    LEFT JOIN departements ON departements.code = school.departement_code
    LEFT JOIN academies ON academies.name = public.fold(school.academie)
    WHERE allocation.revoked_at IS NULL
      AND NOT EXISTS (SELECT FROM reminders_reminderstop AS stop WHERE stop.allocation_id = allocation.id)
      AND NOT EXISTS (SELECT FROM reminders_reminderstop AS stop
                      WHERE stop.school_id = allocation.school_id AND stop.allocation_id IS NULL)
), used AS (
    SELECT allocation_id, free, size
    FROM active
    WHERE redeemed_on IS NOT NULL AND size > 0
), wanted AS (
    SELECT active.allocation_id, school_id, place, open_until, 'unredeemed' AS cause, delay AS step,
           greatest(letter.day, first_day) + delay AS target
    FROM active
    JOIN letter ON letter.allocation_id = active.allocation_id AND letter.state IN ('sent', 'delivered')
    CROSS JOIN LATERAL unnest(unredeemed_days) AS delay
    LEFT JOIN past ON past.allocation_id = active.allocation_id AND past.cause = 'unredeemed'
    WHERE redeemed_on IS NULL AND delay > coalesce(past.step, 0)
    UNION ALL
    SELECT active.allocation_id, school_id, place, open_until, 'unused', unused_days,
           greatest(redeemed_on, first_day) + unused_days
    FROM active
    JOIN used ON used.allocation_id = active.allocation_id AND used.free = used.size
    LEFT JOIN past ON past.allocation_id = active.allocation_id AND past.cause = 'unused'
    WHERE unused_days IS NOT NULL AND past.allocation_id IS NULL
    UNION ALL
    -- One a school: of its keys, the one with the most free licences.
    (SELECT DISTINCT ON (school_id) active.allocation_id, school_id, place,
            least(open_until, october + 30), 'october', 0,
            greatest(october + {OCTOBER_DAY - 1}, redeemed_on + {_SETTLING_DAYS}, past.day + {_APART_DAYS}, first_day)
     FROM active
     JOIN used ON used.allocation_id = active.allocation_id AND used.free > 0
     LEFT JOIN past ON past.allocation_id = active.allocation_id AND past.cause = 'unused'
     WHERE writes_in_october AND %(today)s <= october + 30
       AND NOT EXISTS (SELECT FROM reminders_reminder AS other
                       WHERE other.school_id = active.school_id AND other.cause = 'october'
                         AND (other.sent_at IS NOT NULL OR other.cancelled_at IS NOT NULL)
                         AND other.planned_for >= october)
     ORDER BY school_id, used.free DESC, active.allocation_id)
), next_step AS (
    -- Late, the last of those that are due; else the first to come.
    SELECT DISTINCT ON (allocation_id, cause) *
    FROM wanted
    ORDER BY allocation_id, cause, target <= %(today)s DESC, CASE WHEN target <= %(today)s THEN -step ELSE step END
), moved AS (
    SELECT next_step.*,
           CASE WHEN written.school_id IS NULL THEN first.writing_day ELSE later.writing_day END AS planned_for
    FROM next_step
    JOIN next_day AS first ON first.place = next_step.place AND first.day = greatest(next_step.target, %(today)s)
    LEFT JOIN written
        ON written.school_id = next_step.school_id AND written.week = date_trunc('week', first.writing_day)::date
    LEFT JOIN next_day AS later
        ON later.place = next_step.place AND later.day = date_trunc('week', first.writing_day)::date + 7
), chosen AS (
    -- The next one of each school: one a week, and what follows is planned once it has left.
    SELECT DISTINCT ON (school_id) allocation_id, school_id, cause, step, planned_for
    FROM moved
    WHERE planned_for <= open_until
    ORDER BY school_id, planned_for, cause DESC, step, allocation_id
), dropped AS (
    DELETE FROM reminders_reminder AS reminder
    WHERE reminder.sent_at IS NULL AND reminder.cancelled_at IS NULL
      AND NOT EXISTS (SELECT FROM chosen WHERE chosen.allocation_id = reminder.allocation_id
                      AND chosen.cause = reminder.cause AND chosen.step = reminder.step)
)
INSERT INTO reminders_reminder AS reminder (allocation_id, school_id, cause, step, planned_for)
SELECT allocation_id, school_id, cause, step, planned_for FROM chosen
ON CONFLICT (allocation_id, cause, step) DO UPDATE SET planned_for = excluded.planned_for
WHERE reminder.sent_at IS NULL AND reminder.cancelled_at IS NULL AND reminder.planned_for <> excluded.planned_for
"""  # noqa: S608 - our own numbers
