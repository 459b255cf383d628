--- carried_classes (public)
--- 53. Une classe emmenée l'a été après son ouverture, avant son effacement, et pour une licence commencée
SELECT format('classe n° %s : ouverte le %s, emmenée le %s, effacement annoncé le %s, effacée le %s',
              classroom.id, classroom.opened_at, classroom.carried_at, coalesce(classroom.warned_at::text, '–'),
              coalesce(classroom.purged_at::text, '–'))
FROM classes_classroom AS classroom
JOIN entitlements_seat AS seat ON seat.id = classroom.seat_id
JOIN entitlements_subscription AS subscription ON subscription.id = seat.subscription_id
JOIN entitlements_activationkey AS key ON key.id = subscription.key_id
JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
WHERE classroom.carried_at < classroom.opened_at OR classroom.purged_at < classroom.carried_at
   OR classroom.warned_at < classroom.carried_at
   OR (classroom.carried_at AT TIME ZONE 'Europe/Paris')::date < entitlement.first_day

--- pupil_logins (public)
--- 53. Un identifiant d'élève est à un seul élève, dans quelque classe qu'il soit, et porte le code d'une classe
SELECT format('identifiant %s-%s : %s élèves', pupil.word, pupil.code, count(*))
FROM classes_pupilaccount AS pupil
LEFT JOIN classes_classroom AS created_in ON created_in.code = pupil.code
GROUP BY pupil.word, pupil.code
HAVING count(*) > 1 OR bool_or(created_in.id IS NULL)

--- handed_over_pupils (public)
--- 54. Un élève confié l'est par un code en attente, de sa classe ; un code terminé n'est plus gardé
SELECT format('élèves confiés n° %s : classe n° %s, valable jusqu''au %s, issue « %s », élève %s',
              handover.id, handover.classroom_id, handover.expires_at, handover.outcome,
              coalesce(pupil.id::text, 'aucun'))
FROM classes_pupilhandover AS handover
LEFT JOIN classes_pupilaccount AS pupil ON pupil.handover_id = handover.id
WHERE pupil.classroom_id <> handover.classroom_id
   OR (handover.ended_at IS NOT NULL AND (pupil.id IS NOT NULL OR handover.sealed_code IS NOT NULL))
   OR (handover.ended_at IS NULL
       AND handover.expires_at < current_setting('peps.audited_at')::timestamptz - interval '1 day')

--- received_pupils (public)
--- 54. Des élèves confiés sont reçus dans une classe de la même école
SELECT format('élèves confiés n° %s : de l''établissement %s, reçus dans %s', handover.id, gave.school_id,
              received.school_id)
FROM classes_pupilhandover AS handover
JOIN classes_classroom AS former ON former.id = handover.classroom_id
JOIN entitlements_seat AS former_seat ON former_seat.id = former.seat_id
JOIN entitlements_subscription AS gave ON gave.id = former_seat.subscription_id
JOIN classes_classroom AS joined ON joined.id = handover.received_in_id
JOIN entitlements_seat AS joined_seat ON joined_seat.id = joined.seat_id
JOIN entitlements_subscription AS received ON received.id = joined_seat.subscription_id
WHERE gave.school_id <> received.school_id
