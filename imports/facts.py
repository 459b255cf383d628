"""What the database knows about the schools of a spreadsheet: one query, whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from collectivities.models import SchoolInRemit
from imports.verdicts import SchoolFacts, Situation
from schools.models import SchoolState

if TYPE_CHECKING:
    from collections.abc import Collection

    from licensing.pools.models import Pool

# One array as parameter: sixty thousand placeholders would cost more than the answer.
_FACTS = """
SELECT school.uai, school.name, school.commune, school.state,
       coalesce(school.has_elementary, lower(public.fold(school.type)) IN ('', 'ecole')),
       school.email, remit.school_id IS NOT NULL, coalesce(remit.contact_email, ''), coalesce(allocation.units, 0)
FROM unnest(%(uais)s::text[]) AS asked (uai)
JOIN public.schools_school AS school ON school.uai = asked.uai
LEFT JOIN collectivities_schoolinremit AS remit ON remit.school_id = school.uai
LEFT JOIN pools_allocation AS allocation
    ON allocation.pool_id = %(pool)s AND allocation.school_id = school.uai AND allocation.revoked_at IS NULL
"""


def situation_of(pool: Pool, uais: Collection[str]) -> Situation:
    """Return what is known of these schools, and what they have from this lot."""
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, {"uais": list(set(uais)), "pool": pool.pk})
        schools = {
            uai: SchoolFacts(
                label=f"{name} – {commune}" if commune else name,
                closed=state == SchoolState.CLOSED,
                elementary=elementary,
                mailbox=mailbox,
                in_remit=in_remit,
                contact=contact,
                held=held,
            )
            for uai, name, commune, state, elementary, mailbox, in_remit, contact, held in cursor.fetchall()
        }
    return Situation(
        schools=schools,
        has_remit=SchoolInRemit.objects.exists(),
        for_elementary=pool.source.product.for_elementary,
    )
