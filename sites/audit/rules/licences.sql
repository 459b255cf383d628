--- redeemed_once (public)
--- 2. Une clé activée a un abonnement, une clé qui ne l'est pas n'en a aucun
SELECT format('clé n° %s : activée %s, abonnement %s', key.id, coalesce(key.redeemed_at::text, 'jamais'),
              coalesce(subscription.id::text, 'aucun'))
FROM entitlements_activationkey AS key
FULL JOIN entitlements_subscription AS subscription ON subscription.key_id = key.id
WHERE (key.redeemed_at IS NULL) <> (subscription.id IS NULL)
   OR (key.redeemed_at IS NOT NULL AND key.revoked_at IS NOT NULL)

--- seats (public)
--- 3. Un abonnement a autant de places que de licences, et un enseignant au plus une d'entre elles
SELECT format('abonnement n° %s : %s licences, %s places, %s tenues par %s enseignants', subscription.id,
              subscription.size, count(seat.id), count(seat.holder_id), count(DISTINCT seat.holder_id))
FROM entitlements_subscription AS subscription
LEFT JOIN entitlements_seat AS seat ON seat.subscription_id = subscription.id
GROUP BY subscription.id
HAVING count(seat.id) <> subscription.size OR count(seat.holder_id) <> count(DISTINCT seat.holder_id)
    OR coalesce(max(seat.number), 0) <> subscription.size

--- seat_movements (public)
--- 55. Les mouvements d'une place s'additionnent : qui la tient est la dernière personne à l'avoir reçue
SELECT format('place n° %s : tenue par %s, %s attributions de plus que de retraits, la dernière à %s', seat.id,
              coalesce(seat.holder_id::text, 'personne'), coalesce(moved.net, 0),
              coalesce(moved.last_teacher::text, 'personne'))
FROM entitlements_seat AS seat
LEFT JOIN (
    SELECT event.seat_id,
           sum(CASE WHEN event.kind IN ('assigned', 'claimed') THEN 1 ELSE -1 END) AS net,
           (array_agg(event.teacher_id ORDER BY event.id DESC))[1] AS last_teacher
    FROM entitlements_seatevent AS event GROUP BY event.seat_id
) AS moved ON moved.seat_id = seat.id
WHERE coalesce(moved.net, 0) <> (seat.holder_id IS NOT NULL)::int
   OR (seat.holder_id IS NOT NULL AND moved.last_teacher IS DISTINCT FROM seat.holder_id)

--- units (public)
--- 3. Un abonnement compte les licences de sa clé
SELECT format('abonnement n° %s : %s licences, sa clé %s', subscription.id, subscription.size, key.units)
FROM entitlements_subscription AS subscription
JOIN entitlements_activationkey AS key ON key.id = subscription.key_id
WHERE subscription.size <> key.units

--- pupils (public)
--- 4. Une classe compte au plus 30 élèves, un par numéro et par surnom, et plus aucun une fois effacée
SELECT format('classe n° %s : %s élèves, %s numéros et %s surnoms entre %s et %s%s', classroom.id,
              count(pupil.id), count(DISTINCT pupil.number),
              count(DISTINCT (pupil.word, split_part(pupil.code, '-', 1))), min(pupil.number),
              max(pupil.number),
              CASE WHEN classroom.purged_at IS NULL THEN '' ELSE ', alors qu''elle est effacée' END)
FROM classes_classroom AS classroom
JOIN classes_pupilaccount AS pupil ON pupil.classroom_id = classroom.id
GROUP BY classroom.id
HAVING count(pupil.id) > 30 OR count(pupil.id) <> count(DISTINCT pupil.number)
    OR count(pupil.id) <> count(DISTINCT (pupil.word, split_part(pupil.code, '-', 1)))
    OR min(pupil.number) < 1 OR max(pupil.number) > 30
    OR classroom.purged_at IS NOT NULL

--- class_a_seat (public)
--- 4. Une place ouvre au plus une classe, et chaque classe est celle d'une place
SELECT format('place n° %s : %s classes', classroom.seat_id, count(*))
FROM classes_classroom AS classroom
LEFT JOIN entitlements_seat AS seat ON seat.id = classroom.seat_id
GROUP BY classroom.seat_id, seat.id
HAVING count(*) > 1 OR seat.id IS NULL

--- second_teacher (public)
--- 4. Un second enseignant a été admis par un autre, qui a tenu la place de la classe
SELECT format('classe n° %s : second enseignant %s, admis par %s', classroom.id,
              coalesce(classroom.second_teacher_id::text, 'aucun'),
              coalesce(classroom.second_invited_by_id::text, 'personne'))
FROM classes_classroom AS classroom
JOIN entitlements_seat AS seat ON seat.id = classroom.seat_id
WHERE (classroom.second_teacher_id IS NULL) <> (classroom.second_invited_by_id IS NULL)
   OR classroom.second_teacher_id = classroom.second_invited_by_id
   OR (classroom.second_invited_by_id <> coalesce(seat.holder_id, 0)
       AND NOT EXISTS (SELECT FROM entitlements_seatevent AS event
                       WHERE event.seat_id = seat.id AND event.teacher_id = classroom.second_invited_by_id))

--- keys_schools (public)
--- 10. Une clé est destinée à un établissement de l'annuaire
SELECT format('clé n° %s : établissement %s', key.id, key.school_id)
FROM entitlements_activationkey AS key
WHERE key.school_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM schools_school AS school WHERE school.uai = key.school_id)

--- order_lines (public)
--- 9. Aucune licence sans ligne de commande, et pas plus que la ligne n'en compte
SELECT format('provenance n° %s : %s licences en clés pour %s commandées', entitlement.id,
              coalesce(issued.units, 0),
              coalesce((line.quantity - line.taken_back)::text, 'aucune'))
FROM entitlements_entitlement AS entitlement
LEFT JOIN orders_orderline AS line ON line.entitlement_id = entitlement.id
LEFT JOIN (
    SELECT entitlement_id, sum(units) AS units FROM entitlements_activationkey
    WHERE revoked_at IS NULL GROUP BY entitlement_id
) AS issued ON issued.entitlement_id = entitlement.id
WHERE line.id IS NULL OR coalesce(issued.units, 0) > line.quantity - line.taken_back

--- provenance (public)
--- 9. Une provenance dit ce que dit sa commande : numéro, nature, date, motif, acheteur, produit, dernier jour
SELECT format('provenance n° %s et commande n° %s', entitlement.id, line.order_id)
FROM entitlements_entitlement AS entitlement
JOIN orders_orderline AS line ON line.entitlement_id = entitlement.id
JOIN orders_order AS placed ON placed.id = line.order_id
JOIN catalogue_schoolyear AS year ON year.id = line.school_year_id
WHERE entitlement.collectivity_id IS DISTINCT FROM placed.collectivity_id
   OR entitlement.product_id <> line.product_id OR entitlement.last_day <> year.ends_on
   OR entitlement.number <> placed.id OR entitlement.kind <> placed.kind OR entitlement.reason <> placed.reason
   OR entitlement.bought_on IS DISTINCT FROM (placed.placed_at AT TIME ZONE 'Europe/Paris')::date

--- first_day (public)
--- 42. Rien ne sert en classe avant son premier jour : ni classe ouverte, ni compte d'élève créé
SELECT format('classe n° %s : ouverte le %s, premier élève le %s, licence utilisable à partir du %s',
              classroom.id, classroom.opened_at, pupils.first, entitlement.first_day)
FROM classes_classroom AS classroom
JOIN entitlements_seat AS seat ON seat.id = classroom.seat_id
JOIN entitlements_subscription AS subscription ON subscription.id = seat.subscription_id
JOIN entitlements_activationkey AS key ON key.id = subscription.key_id
JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
LEFT JOIN LATERAL (
    -- Those who came from another class, or with this one, were created before: they count from then on.
    SELECT min(greatest(pupil.created_at, pupil.moved_at, classroom.carried_at)) AS first
    FROM classes_pupilaccount AS pupil
    WHERE pupil.classroom_id = classroom.id
) AS pupils ON true
WHERE (least(coalesce(classroom.carried_at, classroom.opened_at), pupils.first)
       AT TIME ZONE 'Europe/Paris')::date < entitlement.first_day

--- reserved_seats (public)
--- 43. Une licence est réservée par une invitation en cours du même abonnement, et par une seule
SELECT format('place n° %s : %s, %s, invitation %s', seat.id,
              CASE WHEN seat.reserved_at IS NULL THEN 'libre' ELSE 'réservée' END,
              CASE WHEN seat.holder_id IS NULL THEN 'sans titulaire' ELSE 'tenue' END,
              coalesce(string_agg(invitation.id::text, ', '), 'absente'))
FROM entitlements_seat AS seat
LEFT JOIN invitations_teacherinvitation AS invitation ON invitation.seat_id = seat.id
WHERE seat.reserved_at IS NOT NULL OR invitation.id IS NOT NULL
GROUP BY seat.id
HAVING seat.reserved_at IS NULL OR seat.holder_id IS NOT NULL OR count(invitation.id) <> 1
    OR bool_or(invitation.subscription_id <> seat.subscription_id)

--- ended_invitations (public)
--- 43. Une invitation terminée ne réserve rien, dit comment, et aucune ne survit d'un jour à sa date
SELECT format('invitation n° %s : valable jusqu''au %s, issue « %s », place %s', invitation.id,
              invitation.expires_at, invitation.outcome, coalesce(invitation.seat_id::text, 'aucune'))
FROM invitations_teacherinvitation AS invitation
WHERE (invitation.ended_at IS NULL) <> (invitation.seat_id IS NOT NULL)
   OR (invitation.ended_at IS NULL) <> (invitation.outcome = '')
   OR (invitation.outcome = 'accepted') <> (invitation.accepted_by_id IS NOT NULL)
   OR (invitation.ended_at IS NULL
       AND invitation.expires_at < current_setting('peps.audited_at')::timestamptz - interval '1 day')

--- erased_accounts (public)
--- 11. Un compte supprimé ne tient plus rien : ni licence, ni classe, ni établissement, ni adresse, ni session
SELECT format('compte n° %s', account.id) FROM accounts_user AS account
WHERE account.erased_at IS NOT NULL AND (
    EXISTS (SELECT FROM entitlements_seat AS seat WHERE seat.holder_id = account.id)
    OR EXISTS (SELECT FROM classes_classroom AS room WHERE room.second_teacher_id = account.id)
    OR EXISTS (SELECT FROM schools_affiliation AS attached WHERE attached.user_id = account.id)
    OR EXISTS (SELECT FROM account_emailaddress AS address WHERE address.user_id = account.id)
    OR EXISTS (SELECT FROM accounts_session AS session WHERE session.account = account.id)
)

--- redemptions_noted (office)
--- 2. L'activation d'une clé est au journal de la collectivité qui l'a donnée, ou sur le point d'y être
--- reads: key, job
SELECT format('attribution n° %s : clé n° %s activée %s, sans ligne au journal', allocation.id, key.id,
              key.redeemed_at)
FROM pools_allocation AS allocation
JOIN key ON key.id = allocation.key_id
WHERE key.redeemed_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM collectivities_auditentry AS entry
                  WHERE entry.at = key.redeemed_at AND entry.action = 'keys.redeemed'
                    AND entry.object_type = 'allocation' AND entry.object_id = allocation.id)
  AND NOT EXISTS (SELECT FROM job WHERE job.lock = 'pools.key:' || key.id)

--- held_emails (office)
--- 36. Un e-mail n'est retenu que tant que le lot de sa clé est suspendu, ou il est sur le point de partir
--- reads: entitlement, job, work
SELECT format('e-mail n° %s : retenu, alors que le lot n° %s n''est pas suspendu', message.id, pool.id)
FROM mailing_message AS message
LEFT JOIN pools_allocation AS allocation
    ON message.topic = 'allocation' AND allocation.id = message.topic_id
LEFT JOIN pools_pool AS pool ON pool.id = allocation.pool_id
LEFT JOIN entitlement ON entitlement.id = pool.entitlement_id
WHERE message.state = 'held' AND message.refusal <> 'waiting'
  AND (entitlement.id IS NULL OR allocation.revoked_at IS NOT NULL OR entitlement.cancelled_at IS NOT NULL
       OR (entitlement.suspended_at IS NULL
           AND (entitlement.provisional_until IS NULL
                OR entitlement.provisional_until
                   >= (%(audited_at)s::timestamptz AT TIME ZONE 'Europe/Paris')::date)))
  AND NOT EXISTS (SELECT FROM job
                  WHERE job.task_name = 'pools.release_held_emails' AND job.schema = %(schema)s)
  AND NOT EXISTS (SELECT FROM work
                  WHERE work.kind = 'pools.release_held_emails'
                    AND work.due_at <= %(audited_at)s::timestamptz + interval '1 hour')

--- revocation_notices (office)
--- 44. Une école n'est prévenue d'une reprise que si elle n'a pas été annulée, et une heure après au plus tôt
SELECT format('e-mail n° %s : attribution n° %s, reprise le %s, prévenue le %s', message.id,
              message.topic_id, allocation.revoked_at, message.due_at)
FROM mailing_message AS message
LEFT JOIN pools_allocation AS allocation ON allocation.id = message.topic_id
WHERE message.kind = 'key_revoked' AND message.state NOT IN ('cancelled', 'bounced', 'failed')
  AND (allocation.revoked_at IS NULL OR message.due_at < allocation.revoked_at + interval '1 hour')

--- allocated (office)
--- 1. La somme des attributions d'un lot est ce qu'il a donné, et pas plus qu'il ne contient
SELECT format('lot n° %s : %s attribuées d''après le lot, %s d''après les attributions, %s achetées',
              pool.id, pool.allocated, coalesce(sum(allocation.units), 0), pool.capacity)
FROM pools_pool AS pool
LEFT JOIN pools_allocation AS allocation ON allocation.pool_id = pool.id AND allocation.revoked_at IS NULL
GROUP BY pool.id
HAVING pool.allocated <> coalesce(sum(allocation.units), 0) OR pool.allocated > pool.capacity

--- allocation_and_key (office)
--- 1. Une attribution et sa clé disent la même chose : lot, établissement, licences, reprise
--- reads: key
SELECT format('attribution n° %s et clé n° %s', allocation.id, allocation.key_id)
FROM pools_allocation AS allocation
JOIN pools_pool AS pool ON pool.id = allocation.pool_id
LEFT JOIN key ON key.id = allocation.key_id
WHERE key.id IS NULL OR key.entitlement_id <> pool.entitlement_id
   OR key.school_id IS DISTINCT FROM allocation.school_id OR key.units <> allocation.units
   OR key.revoked_at IS DISTINCT FROM allocation.revoked_at

--- keys_are_allocated (office)
--- 1. Chaque clé d'un lot est celle d'une attribution
--- reads: key
SELECT format('clé n° %s', key.id)
FROM key
JOIN pools_pool AS pool ON pool.entitlement_id = key.entitlement_id
LEFT JOIN pools_allocation AS allocation ON allocation.key_id = key.id
WHERE allocation.id IS NULL

--- capacity (office)
--- 9. Un lot contient ce que sa ligne de commande compte, et chaque ligne a son lot
--- reads: entitlement
SELECT format('lot %s : %s licences, ligne de commande %s', coalesce(pool.id::text, 'absent'),
              coalesce(pool.capacity, 0), coalesce(bought.ordered, 0))
FROM (SELECT * FROM entitlement WHERE collectivity_id = %(collectivity)s) AS bought
FULL JOIN pools_pool AS pool ON pool.entitlement_id = bought.id
WHERE pool.id IS NULL OR bought.id IS NULL OR pool.capacity <> bought.ordered

--- imports_applied_once (office)
--- 7. Seul un tableau appliqué a donné, et une fois par établissement
SELECT format('tableau n° %s', allocation.import_id)
FROM pools_allocation AS allocation
LEFT JOIN imports_spreadsheetimport AS import ON import.id = allocation.import_id
WHERE allocation.import_id IS NOT NULL
GROUP BY allocation.import_id
HAVING bool_or(import.applied_at IS NULL) OR count(*) <> count(DISTINCT allocation.school_id)

--- references (office)
--- 10. Ce que les tables citent sans clé étrangère existe
--- reads: account
SELECT format('attribution n° %s : établissement %s', allocation.id, allocation.school_id)
FROM pools_allocation AS allocation
WHERE NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = allocation.school_id)
UNION ALL
SELECT format('attribution n° %s : lot n° %s', allocation.id, allocation.pool_id)
FROM pools_allocation AS allocation
WHERE NOT EXISTS (SELECT FROM pools_pool AS pool WHERE pool.id = allocation.pool_id)
UNION ALL
SELECT format('attribution n° %s : compte n° %s', cited.id, cited.account)
FROM (
    SELECT id, created_by_id AS account FROM pools_allocation
    UNION ALL SELECT id, revoked_by_id FROM pools_allocation
) AS cited
WHERE cited.account IS NOT NULL
  AND NOT EXISTS (SELECT FROM account WHERE account.id = cited.account)
UNION ALL
SELECT format('rééquilibrage n° %s : compte n° %s', cited.id, cited.account)
FROM (
    SELECT id, applied_by_id AS account FROM rebalancing_rebalancing
    UNION ALL SELECT id, undone_by_id FROM rebalancing_rebalancing
) AS cited
WHERE cited.account IS NOT NULL
  AND NOT EXISTS (SELECT FROM account WHERE account.id = cited.account)
UNION ALL
SELECT format('journal, ligne n° %s : compte n° %s', entry.id, entry.actor_id)
FROM collectivities_auditentry AS entry
WHERE entry.actor_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM account WHERE account.id = entry.actor_id)

--- tokens_accounts (office)
--- 13. Un jeton de l'API agit sous un compte à lui, avec lequel personne ne se connecte
--- reads: account
SELECT format('jeton n° %s : compte n° %s, %s jetons, %s', min(token.id), token.account_id, count(*),
              CASE WHEN account.id IS NULL THEN 'absent' WHEN account.is_active THEN 'actif'
                   ELSE 'profil ' || account.profile END)
FROM api_token AS token
LEFT JOIN account ON account.id = token.account_id
GROUP BY token.account_id, account.id, account.is_active, account.profile
HAVING count(*) > 1 OR account.id IS NULL OR account.is_active OR account.profile <> 'program'

--- key_states (office)
--- 71. Ce qu'un bureau affiche de ses clés (activées, licences utilisées, libres) est ce qu'en disent les clés
--- reads: key_state, job
SELECT format('attribution n° %s : activée %s, %s utilisées, %s libres dont %s jamais utilisées ; la clé : %s, %s, %s, %s',
              allocation.id, coalesce(allocation.redeemed_at::text, 'jamais'), allocation.held, allocation.free,
              allocation.unused, coalesce(key.redeemed_at::text, 'jamais'), key.held, key.free, key.unused)
FROM pools_allocation AS allocation
JOIN key_state AS key ON key.key_id = allocation.key_id
WHERE (allocation.redeemed_at, allocation.held, allocation.free, allocation.unused)
      IS DISTINCT FROM (key.redeemed_at, key.held, key.free, key.unused)
  -- What happened a moment ago waits for its job.
  AND NOT EXISTS (
      SELECT FROM job
      WHERE job.schema = %(schema)s
        AND (job.lock = 'pools.key:' || key.key_id OR job.task_name = 'pools.copy_key_states')
  )
