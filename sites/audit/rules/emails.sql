--- bounced_emails (outbox)
--- 45. Un e-mail rejeté dit pourquoi et quand ; seul un e-mail envoyé est dit en attente chez le destinataire
SELECT format('e-mail n° %s : rejeté, sans motif ou sans date', message.id)
FROM mailing_message AS message
WHERE message.state = 'bounced' AND (message.reported_at IS NULL OR message.reason = '')
UNION ALL
SELECT format('e-mail n° %s (%s) : dit en attente chez le destinataire', message.id, message.state)
FROM mailing_message AS message
WHERE message.delayed_until IS NOT NULL AND (message.state <> 'sent' OR message.reported_at IS NULL)

--- refused_addresses (outbox)
--- 46. Un e-mail qui attend une décision est retenu, et son adresse est refusée, en sachant où il attend
--- reads: refused
SELECT format('e-mail n° %s (%s) : attend une décision, alors que son adresse n''est pas refusée', message.id,
              message.state)
FROM mailing_message AS message
LEFT JOIN refused ON refused.address = lower(trim(message.recipient))
WHERE message.refusal = 'waiting'
  AND (message.state <> 'held' OR refused.address IS NULL OR NOT refused.waits_here)

--- reminder_weeks (office)
--- 47. Une relance automatique part une fois, à une école dont la semaine a été prise pour elle
--- reads: written
SELECT format('établissement %s, semaine du %s : %s relances, semaine prise par %s', school_id, week,
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

--- reminders_of_revoked (office)
--- 47. Aucune relance n'est en route après la reprise de sa clé
SELECT format('message n° %s, %s, de l''attribution n° %s, reprise le %s', message.id, message.state,
              allocation.id, allocation.revoked_at)
FROM mailing_message AS message
JOIN pools_allocation AS allocation ON allocation.id = message.topic_id
WHERE message.topic = 'allocation' AND message.kind IN ('key_reminder', 'unused_reminder', 'october_reminder')
  AND message.state IN ('queued', 'deferred', 'held') AND message.unanswered = 0
  AND allocation.revoked_at IS NOT NULL

--- reminder_stops (office)
--- 48. Un établissement qui a arrêté les relances n'en a plus de prévue
SELECT format('relance n° %s, prévue le %s : %s les a arrêtées', reminder.id, reminder.planned_for,
              reminder.school_id)
FROM reminders_reminder AS reminder
JOIN reminders_reminderstop AS stop ON stop.school_id = reminder.school_id
    AND (stop.allocation_id IS NULL OR stop.allocation_id = reminder.allocation_id)
WHERE reminder.sent_at IS NULL AND reminder.cancelled_at IS NULL

--- member_letters (office)
--- 58. Une lettre de la semaine, ou un rappel du mois, part une fois à un membre ; jamais sans avoir été prise
SELECT format('message n° %s (%s) : lettre n° %s de ce membre et de cette période, écrite %s fois', id,
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

--- failed_sendings (office)
--- 59. Un envoi qui échoue est annoncé une fois à chacun, et a perdu dix e-mails et un sur cinq au moins
--- reads: sending
SELECT format('envoi n° %s : annoncé %s fois au compte n° %s', topic_id, count(*), context->>'user')
FROM mailing_message
WHERE topic = 'failed_sending' AND context ? 'user'
GROUP BY topic_id, context->>'user'
HAVING count(*) > 1
UNION ALL
SELECT format('envoi n° %s : %s perdus sur %s', sending.id, sending.lost, sending.handled)
FROM sending
WHERE sending.lost < 10 OR sending.lost * 5 < sending.handled OR sending.lost > sending.handled

--- taken_licences (public)
--- 60. Les licences que des enseignants prennent en une demi-heure sont annoncées en un e-mail à chacun
SELECT format('message n° %s : abonnement n° %s, %s après le précédent', id, topic_id, created_at - previous)
FROM (
    SELECT id, topic_id, created_at,
           lag(created_at) OVER (PARTITION BY topic_id, recipient, context->'user' ORDER BY created_at, id)
               AS previous
    FROM mailing_message
    WHERE topic = 'subscription' AND kind = 'seat.taken' AND recipient <> '' AND state <> 'cancelled'
) AS written
-- A minute less than the half hour: the clocks of two machines, and the wait of a claim.
WHERE created_at < previous + interval '29 minutes'
