-- The schools of allocations and of keys are in rule 10, the accounts of tokens in rule 13.

--- public_references (office)
--- 61. Ce qu'un bureau cite hors de lui existe : compte, établissement, provenance, clé, demande, commande
--- reads: account, entitlement, key, request, sale
SELECT format('membre n° %s : compte n° %s', member.id, member.user_id)
FROM collectivities_member AS member
WHERE NOT EXISTS (SELECT FROM account WHERE account.id = member.user_id)
UNION ALL
SELECT format('périmètre, ligne n° %s : établissement %s', entry.id, entry.school_id)
FROM collectivities_portfolioschool AS entry
WHERE NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = entry.school_id)
UNION ALL
SELECT format('lot n° %s : provenance n° %s', pool.id, pool.entitlement_id)
FROM pools_pool AS pool
WHERE NOT EXISTS (SELECT FROM entitlement WHERE entitlement.id = pool.entitlement_id)
UNION ALL
SELECT format('attribution n° %s : clé n° %s', allocation.id, allocation.key_id)
FROM pools_allocation AS allocation
WHERE NOT EXISTS (SELECT FROM key WHERE key.id = allocation.key_id)
UNION ALL
SELECT format('relance n° %s : établissement %s', reminder.id, reminder.school_id)
FROM reminders_reminder AS reminder
WHERE NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = reminder.school_id)
UNION ALL
SELECT format('arrêt des relances n° %s : établissement %s', stop.id, stop.school_id)
FROM reminders_reminderstop AS stop
WHERE NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = stop.school_id)
UNION ALL
SELECT format('déplacement n° %s : demande n° %s', move.id, move.request_id)
FROM rebalancing_licencemove AS move
WHERE move.request_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM request WHERE request.id = move.request_id)
UNION ALL
SELECT format('reconduction, ligne n° %s : établissement %s', line.id, line.school_id)
FROM renewals_renewalline AS line
WHERE NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = line.school_id)
UNION ALL
SELECT format('reconduction, commande n° %s : commande n° %s', renewed.id, renewed.order_id)
FROM renewals_renewalorder AS renewed
WHERE NOT EXISTS (SELECT FROM sale WHERE sale.id = renewed.order_id)

--- due_work (office)
--- 62. Ce qui attend dans une collectivité y est prévu : à sceller, à signaler, à effacer un jour
--- reads: work, job
SELECT waiting.sentence || ', et rien de prévu'
FROM (
    -- The entries that follow the last one that is sealed: those among earlier ones are of rule 14.
    SELECT 'collectivities.seal_journal' AS kind, format('journal : %s lignes à sceller', count(*)) AS sentence
    FROM collectivities_auditentry AS entry
    WHERE entry.id > (SELECT coalesce(max(seal.entry_ids[cardinality(seal.entry_ids)]), 0)
                      FROM collectivities_auditseal AS seal)
    HAVING count(*) > 0
    UNION ALL
    SELECT 'webhooks.prune', format('webhooks : %s événements à effacer un jour', count(*)) FROM webhooks_webhookevent
    HAVING count(*) > 0
    UNION ALL
    SELECT 'api.prune_records', format('API : %s réponses à effacer un jour', count(*)) FROM api_idempotencyrecord
    HAVING count(*) > 0
    UNION ALL
    SELECT 'collectivities.check_office', 'e-mails non remis à signaler' WHERE EXISTS (
        SELECT FROM mailing_message WHERE state IN ('bounced', 'failed')
        AND created_at > %(audited_at)s::timestamptz - interval '14 days')
    UNION ALL
    SELECT 'collectivities.check_office', 'bureau vide à signaler un jour'
    WHERE EXISTS (SELECT FROM collectivities_invitation)
      AND NOT EXISTS (SELECT FROM collectivities_member WHERE left_at IS NULL)
    UNION ALL
    -- What was written to the office, or by it, is deleted some day; who sends, or uploads, schedules it.
    SELECT 'jobs.prune_rows', format('%s fichiers importés à supprimer un jour', count(*)) FROM imports_importfile
    HAVING count(*) > 0
    UNION ALL
    SELECT 'jobs.prune_rows', format('%s invitations à supprimer un jour', count(*)) FROM collectivities_invitation
    HAVING count(*) > 0
    UNION ALL
    SELECT 'jobs.prune_rows', format('%s e-mails à supprimer un jour', count(*)) FROM mailing_message
    WHERE state IN ('sent', 'delivered', 'bounced', 'failed')
    HAVING count(*) > 0
) AS waiting
WHERE NOT EXISTS (SELECT FROM work WHERE work.kind = waiting.kind)
  AND NOT EXISTS (SELECT FROM job WHERE job.task_name = waiting.kind AND job.schema = %(schema)s)

--- named_schools (public)
--- 64. Un établissement cité dans les tables communes est dans l'annuaire
SELECT format('%s n° %s : établissement %s', cited.kind, cited.id, cited.school_id)
FROM (
    SELECT 'rattachement' AS kind, id::text, school_id FROM public.schools_affiliation
    UNION ALL SELECT 'changement de direction', id::text, school_id FROM public.schools_principalevent
    UNION ALL SELECT 'demande de confirmation', id::text, school_id FROM public.schools_principalrequest
    UNION ALL SELECT 'abonnement', id::text, school_id FROM public.entitlements_subscription
    UNION ALL SELECT 'commande', id::text, school_id FROM public.orders_order
    UNION ALL SELECT 'certificat', id::text, school_id FROM public.classes_deletioncertificate
    UNION ALL SELECT 'demande à une collectivité', id::text, school_id FROM public.requests_licencerequest
    UNION ALL SELECT 'demande à une direction', id::text, school_id FROM public.requests_teacherrequest
) AS cited
WHERE cited.school_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = cited.school_id)
