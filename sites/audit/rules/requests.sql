--- requests_answered (public)
--- 49. Une demande accordée ou acceptée l'est d'une clé de son école, de la collectivité et de l'année demandées
SELECT format('demande n° %s : %s licences de %s, clé n° %s', request.id, request.accepted_units,
              request.school_year, coalesce(request.key_id::text, 'absente'))
FROM requests_licencerequest AS request
LEFT JOIN entitlements_activationkey AS key ON key.id = request.key_id
LEFT JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
WHERE (request.outcome = 'accepted' OR request.granted_until IS NOT NULL)
  AND (key.id IS NULL OR request.accepted_units < 1 OR key.school_id IS DISTINCT FROM request.school_id
       OR entitlement.collectivity_id IS DISTINCT FROM request.collectivity_id
       OR entitlement.product_id <> request.product_id
       OR date_part('year', entitlement.last_day) + (date_part('month', entitlement.last_day) > 8)::int
           <> request.school_year)
   OR request.outcome <> 'accepted' AND (request.granted_until IS NULL) <> (request.key_id IS NULL)
   OR request.outcome <> '' AND request.granted_until IS NOT NULL

--- requests_open (public)
--- 50. Une école n'attend qu'une réponse par année, aucune demande ne survit d'un jour à son année scolaire
SELECT format('école %s, année %s : %s demandes en attente, la première du %s', school_id, school_year,
              count(*), min(created_at))
FROM requests_licencerequest
WHERE ended_at IS NULL
GROUP BY school_id, product_id, school_year
HAVING count(*) > 1
    OR make_date(school_year, 9, 2)
        < (current_setting('peps.audited_at')::timestamptz AT TIME ZONE 'Europe/Paris')::date

--- teacher_requests_open (public)
--- 50. La demande d'un enseignant prend fin avec la licence qu'il reçoit, et avec l'année scolaire
SELECT format('demande n° %s de %s', request.id, request.created_at)
FROM requests_teacherrequest AS request
WHERE request.ended_at IS NULL
  AND (make_date(request.school_year, 9, 2)
        < (current_setting('peps.audited_at')::timestamptz AT TIME ZONE 'Europe/Paris')::date
    OR EXISTS (
      SELECT FROM entitlements_seat AS seat
      JOIN entitlements_subscription AS subscription ON subscription.id = seat.subscription_id
      JOIN entitlements_activationkey AS key ON key.id = subscription.key_id
      JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
      WHERE seat.holder_id = request.teacher_id AND seat.held_since > request.created_at
        AND date_part('year', entitlement.last_day) + (date_part('month', entitlement.last_day) > 8)::int
            >= request.school_year))

--- requests_noted (office)
--- 49. Chaque réponse à une demande est une fois au journal de sa collectivité
--- reads: request
SELECT format('demande n° %s (%s) : %s au journal', request.id, request.outcome, count(entry.id))
FROM request
LEFT JOIN collectivities_auditentry AS entry ON entry.object_type = 'licence_request'
    AND entry.object_id = request.id AND entry.school_id = request.school_id
    AND entry.action = 'requests.' || request.outcome
WHERE request.collectivity_id = %(collectivity)s AND request.outcome IN ('accepted', 'refused')
GROUP BY request.id, request.outcome
HAVING count(entry.id) <> 1
