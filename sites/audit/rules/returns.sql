--- return_requests (public)
--- 51. Une demande de licences dit sa fin, rend au plus ce qu'elle demandait, et une seule attend par clé
SELECT format('demande n° %s : %s licences, issue « %s » le %s, %s rendues, collectivité %s, clé n° %s',
              request.id, request.units, request.outcome, coalesce(request.answered_at::text, 'jamais'),
              request.returned_units, request.collectivity_id, request.key_id)
FROM returns_returnrequest AS request
JOIN entitlements_activationkey AS key ON key.id = request.key_id
JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
LEFT JOIN (
    SELECT request_id, sum(units) AS units FROM returns_licencereturn
    WHERE undone_at IS NULL AND request_id IS NOT NULL GROUP BY request_id
) AS given ON given.request_id = request.id
WHERE (request.outcome = '') <> (request.answered_at IS NULL)
   OR (request.outcome = 'accepted') <> (request.returned_units > 0)
   OR request.returned_units > least(request.units, coalesce(given.units, 0))
   OR (request.outcome <> 'accepted' AND given.units IS NOT NULL)
   OR request.collectivity_id IS DISTINCT FROM entitlement.collectivity_id
   OR key.redeemed_at IS NULL
   OR (request.outcome = '' AND EXISTS (
           SELECT FROM returns_returnrequest AS other
           WHERE other.key_id = request.key_id AND other.outcome = '' AND other.id <> request.id))

--- nothing_left (office)
--- 1. Une attribution n'est de zéro licence que si son école a activé sa clé, puis tout rendu
--- reads: key
SELECT format('attribution n° %s : %s licence, clé activée %s', allocation.id, allocation.units,
              coalesce(key.redeemed_at::text, 'jamais'))
FROM pools_allocation AS allocation
JOIN key ON key.id = allocation.key_id
WHERE allocation.units = 0 AND (key.redeemed_at IS NULL OR NOT key.returned)

--- rebalancings (office)
--- 52. Un rééquilibrage donne ce qu'il reprend et ce qu'il prend de libre dans son lot ; annulé, il a tout rendu
SELECT format('rééquilibrage n° %s : %s pris sur les libres, %s en mouvements, %s d''un autre lot',
              made.id, made.from_free, coalesce(sum(move.after - move.before), 0),
              count(*) FILTER (WHERE allocation.pool_id <> made.pool_id))
FROM rebalancing_rebalancing AS made
LEFT JOIN rebalancing_licencemove AS move ON move.rebalancing_id = made.id
LEFT JOIN pools_allocation AS allocation ON allocation.id = move.allocation_id
GROUP BY made.id
HAVING coalesce(sum(move.after - move.before), 0) <> made.from_free
    OR bool_or(allocation.pool_id <> made.pool_id)
UNION ALL
SELECT format('rééquilibrage n° %s : annulé, attribution n° %s toujours reprise le %s',
              made.id, allocation.id, allocation.revoked_at)
FROM rebalancing_licencemove AS move
JOIN rebalancing_rebalancing AS made ON made.id = move.rebalancing_id
JOIN pools_allocation AS allocation ON allocation.id = move.allocation_id
WHERE move.after = 0 AND made.undone_at IS NOT NULL AND allocation.revoked_at = made.applied_at

--- rebalanced_requests (office)
--- 52. Une demande est accordée par un seul rééquilibrage, qui n'est pas annulé, pour ce qu'il donne ; la réponse
--- suit
--- reads: request, work, job
SELECT format('demande n° %s : %s licences accordées jusqu''au %s, issue « %s », rééquilibrage n° %s',
              request.id, request.accepted_units, coalesce(request.granted_until::text, 'jamais'),
              request.outcome, coalesce(made.id::text, 'absent'))
FROM request
LEFT JOIN rebalancing_licencemove AS move ON move.request_id = request.id
LEFT JOIN rebalancing_rebalancing AS made ON made.id = move.rebalancing_id
LEFT JOIN pools_allocation AS allocation ON allocation.id = move.allocation_id
WHERE request.collectivity_id = %(collectivity)s
  AND (request.granted_until IS NOT NULL
       AND (move.id IS NULL
            OR NOT EXISTS (SELECT FROM work WHERE work.kind = 'rebalancing.answer_requests')
            AND NOT EXISTS (SELECT FROM job WHERE job.task_name = 'rebalancing.answer_requests'
                                              AND job.schema = %(schema)s))
       OR move.id IS NOT NULL
       AND (made.undone_at IS NOT NULL OR request.outcome IN ('refused', 'expired')
            OR request.outcome = '' AND request.granted_until IS NULL
            OR request.outcome IN ('', 'accepted')
            AND (request.accepted_units <> move.after - move.before
                 OR request.key_id <> allocation.key_id)))
