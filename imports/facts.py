"""What the database knows about the schools of a spreadsheet: one query, whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from collectivities.models import SchoolInRemit
from imports.enums import Purpose, Volume
from imports.verdicts import RemitFacts, SchoolFacts, Situation
from licensing.pools.models import Pool
from schools.models import SchoolState

if TYPE_CHECKING:
    from collections.abc import Collection

    from imports.models import Import

# One array as parameter: sixty thousand placeholders would cost more than the answer.
_FACTS = """
SELECT school.uai, school.name, school.commune, school.state,
       coalesce(school.has_elementary, lower(public.fold(school.type)) IN ('', 'ecole')),
       school.email, remit.school_id IS NOT NULL, coalesce(remit.contact_name, ''), coalesce(remit.contact_email, ''),
       coalesce(remit.contact_phone, ''), remit.classes, coalesce(allocation.units, 0), key.redeemed_at
FROM unnest(%(uais)s::text[]) AS asked (uai)
JOIN public.schools_school AS school ON school.uai = asked.uai
LEFT JOIN collectivities_schoolinremit AS remit ON remit.school_id = school.uai
LEFT JOIN pools_allocation AS allocation
    ON allocation.pool_id = %(pool)s AND allocation.school_id = school.uai AND allocation.revoked_at IS NULL
LEFT JOIN public.subscriptions_activationkey AS key ON key.id = allocation.key_id
"""


def situation_of(table: Import, uais: Collection[str]) -> Situation:
    """Return what is known of these schools, and what they have from the import's lot."""
    pool = Pool.objects.select_related("source__product").get(pk=table.pool_id) if table.pool_id else None
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, {"uais": list(set(uais)), "pool": table.pool_id})
        schools = {
            uai: SchoolFacts(
                label=f"{name} – {commune}" if commune else name,
                closed=state == SchoolState.CLOSED,
                elementary=elementary,
                mailbox=mailbox,
                remit=RemitFacts(contact_name, contact, phone, classes) if in_remit else None,
                held=held,
                redeemed_at=redeemed_at,
            )
            for (
                uai, name, commune, state, elementary, mailbox, in_remit, contact_name, contact, phone, classes, held,
                redeemed_at,
            ) in cursor.fetchall()
        }  # fmt: skip
    return Situation(
        purpose=Purpose(table.purpose),
        schools=schools,
        has_remit=SchoolInRemit.objects.exists(),
        for_elementary=pool.source.product.for_elementary if pool else False,
        volume=Volume(table.layout["volume"]) if table.layout.get("volume") else None,
        units_for_all=table.units_for_all,
    )
