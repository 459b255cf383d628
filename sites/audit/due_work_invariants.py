"""The invariant of what waits in a schema: a public row says so, or nobody would ever look."""

from __future__ import annotations

from sites.audit.invariants import Invariant
from sites.audit.public_rows import DUE_WORK, JOBS

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
