"""Invariants of what two schemas say of each other: names without a foreign key (0156, 0162), and work that is due."""

from __future__ import annotations

from sites.audit.invariants import ACCOUNTS, DUE_WORK, ENTITLEMENTS, JOBS, KEYS, REQUESTS, SALES, Invariant

# The entries that follow the last one that is sealed: those among earlier ones are of rule 14.
_WAITING_BY_KIND = {
    "collectivities.seal_journal": """
        SELECT format('journal : %%s lignes à sceller', count(*)) AS sentence FROM collectivities_auditentry AS entry
        WHERE entry.id > (SELECT coalesce(max(seal.entry_ids[cardinality(seal.entry_ids)]), 0)
                          FROM collectivities_auditseal AS seal)
        HAVING count(*) > 0
    """,
    "webhooks.prune": """
        SELECT format('webhooks : %%s événements à effacer un jour', count(*)) AS sentence FROM webhooks_webhookevent
        HAVING count(*) > 0
    """,
    "api.prune_records": """
        SELECT format('API : %%s réponses à effacer un jour', count(*)) AS sentence FROM api_idempotencyrecord
        HAVING count(*) > 0
    """,
    "collectivities.check_office": """
        SELECT 'e-mails non remis à signaler' AS sentence WHERE EXISTS (
            SELECT FROM mailing_message WHERE state IN ('bounced', 'failed')
            AND created_at > %(audited_at)s::timestamptz - interval '14 days'
        )
        UNION ALL
        SELECT 'bureau vide à signaler un jour' WHERE EXISTS (SELECT FROM collectivities_invitation)
        AND NOT EXISTS (SELECT FROM collectivities_member WHERE left_at IS NULL)
    """,
    # What was written to the office, or by it, is deleted some day; who sends, or uploads, schedules it.
    "jobs.prune_rows": """
        SELECT format('%%s fichiers importés à supprimer un jour', count(*)) AS sentence FROM imports_importfile
        HAVING count(*) > 0
        UNION ALL
        SELECT format('%%s invitations à supprimer un jour', count(*)) FROM collectivities_invitation
        HAVING count(*) > 0
        UNION ALL
        SELECT format('%%s e-mails à supprimer un jour', count(*)) FROM mailing_message
        WHERE state IN ('sent', 'delivered', 'bounced', 'failed') HAVING count(*) > 0
    """,
}


def _build_query(kind: str, waiting: str) -> str:
    return f"""
        SELECT waiting.sentence || ', et rien de prévu' FROM ({waiting}) AS waiting
        WHERE NOT EXISTS (SELECT FROM work WHERE work.kind = '{kind}')
          AND NOT EXISTS (SELECT FROM job WHERE job.task_name = '{kind}' AND job.schema = %(schema)s)
    """  # noqa: S608 - our own queries


#: Checked in each collectivity's schema.
DUE_WORK_INVARIANTS = (
    Invariant(
        "due_work",
        "62. Ce qui attend dans une collectivité y est prévu : à sceller, à signaler, à effacer un jour",
        " UNION ALL ".join(_build_query(kind, waiting) for kind, waiting in _WAITING_BY_KIND.items()),
        (DUE_WORK, JOBS),
    ),
)


#: Checked in each collectivity's schema. The schools of allocations are in rule 10, the accounts of tokens in rule 13.
REFERENCE_INVARIANTS = (
    Invariant(
        "public_references",
        "61. Ce qu'un bureau cite hors de lui existe : compte, établissement, provenance, clé, demande, commande",
        """
        SELECT format('membre n° %%s : compte n° %%s', member.id, member.user_id)
        FROM collectivities_member AS member
        WHERE NOT EXISTS (SELECT FROM account WHERE account.id = member.user_id)
        UNION ALL
        SELECT format('périmètre, ligne n° %%s : établissement %%s', entry.id, entry.school_id)
        FROM collectivities_portfolioschool AS entry
        WHERE NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = entry.school_id)
        UNION ALL
        SELECT format('lot n° %%s : provenance n° %%s', pool.id, pool.entitlement_id)
        FROM pools_pool AS pool
        WHERE NOT EXISTS (SELECT FROM entitlement WHERE entitlement.id = pool.entitlement_id)
        UNION ALL
        SELECT format('attribution n° %%s : clé n° %%s', allocation.id, allocation.key_id)
        FROM pools_allocation AS allocation
        WHERE NOT EXISTS (SELECT FROM key WHERE key.id = allocation.key_id)
        UNION ALL
        SELECT format('relance n° %%s : établissement %%s', reminder.id, reminder.school_id)
        FROM reminders_reminder AS reminder
        WHERE NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = reminder.school_id)
        UNION ALL
        SELECT format('arrêt des relances n° %%s : établissement %%s', stop.id, stop.school_id)
        FROM reminders_reminderstop AS stop
        WHERE NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = stop.school_id)
        UNION ALL
        SELECT format('déplacement n° %%s : demande n° %%s', move.id, move.request_id)
        FROM rebalancing_licencemove AS move
        WHERE move.request_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM request WHERE request.id = move.request_id)
        UNION ALL
        SELECT format('reconduction, ligne n° %%s : établissement %%s', line.id, line.school_id)
        FROM renewals_renewalline AS line
        WHERE NOT EXISTS (SELECT FROM public.schools_school AS school WHERE school.uai = line.school_id)
        UNION ALL
        SELECT format('reconduction, commande n° %%s : commande n° %%s', renewed.id, renewed.order_id)
        FROM renewals_renewalorder AS renewed
        WHERE NOT EXISTS (SELECT FROM sale WHERE sale.id = renewed.order_id)
        """,
        (ACCOUNTS, ENTITLEMENTS, KEYS, REQUESTS, SALES),
    ),
)

#: What public tables name of the directory.
_NAMING_SCHOOLS = {
    "schools_affiliation": "rattachement",
    "schools_principalevent": "changement de direction",
    "schools_principalrequest": "demande de confirmation",
    "entitlements_subscription": "abonnement",
    "orders_order": "commande",
    "classes_deletioncertificate": "certificat",
    "requests_licencerequest": "demande à une collectivité",
    "requests_teacherrequest": "demande à une direction",
}

#: Checked in the public schema. The schools of keys are in rule 10.
PUBLIC_REFERENCE_INVARIANTS = (
    Invariant(
        "named_schools",
        "64. Un établissement cité dans les tables communes est dans l'annuaire",
        " UNION ALL ".join(
            f"""
        SELECT format('{name} n° %%s : établissement %%s', row.id, row.school_id)
        FROM public.{table} AS row
        WHERE row.school_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM public.schools_school AS school WHERE school.uai = row.school_id)
        """  # noqa: S608 - names of this module
            for table, name in _NAMING_SCHOOLS.items()
        ),
    ),
)
