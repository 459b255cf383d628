"""Invariants of what two schemas say of each other: names without a foreign key (0156, 0162), and work that is due."""

from __future__ import annotations

from sites.audit.invariants import Invariant
from sites.audit.public_rows import ACCOUNTS, ENTITLEMENTS, KEYS, REQUESTS, SALES

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
