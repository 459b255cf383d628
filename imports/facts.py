"""What the database knows about the schools of a spreadsheet: one query, whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from collectivities.models import SchoolInRemit
from imports.enums import Purpose, Volume
from imports.verdicts import RemitFacts, SchoolFacts, Situation
from licensing.pools.models import Pool
from schools.models import SchoolState
from schools.recognition import Proposal
from schools.wording import school_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from imports.models import Import

# One text as parameter: sixty thousand placeholders, or an array of as many, would cost more than the answer.
_FACTS = """
SELECT school.uai, school.name, school.commune, school.state = %(closed)s,
       coalesce(school.has_elementary, lower(public.fold(school.type)) IN ('', 'ecole')),
       school.email, coalesce(allocation.units, 0), key.redeemed_at, remit.school_id IS NOT NULL,
       remit.contact_name, remit.contact_email, remit.contact_phone, remit.classes
FROM unnest(string_to_array(%(uais)s, ' ')) AS asked (uai)
JOIN public.schools_school AS school ON school.uai = asked.uai
LEFT JOIN collectivities_schoolinremit AS remit ON remit.school_id = school.uai
LEFT JOIN pools_allocation AS allocation
    ON allocation.pool_id = %(pool)s AND allocation.school_id = school.uai AND allocation.revoked_at IS NULL
LEFT JOIN public.subscriptions_activationkey AS key ON key.id = allocation.key_id
"""
# A school that merged or moved into new walls keeps its place, and mostly its name: the open one of the same commune
# whose name is the same, or which stands at the same address, where there is one such alone.
_SUCCESSORS = """
SELECT closed.uai, min(open.uai), min(open.name), min(open.commune)
FROM unnest(%(uais)s::text[]) AS asked (uai)
JOIN public.schools_school AS closed ON closed.uai = asked.uai
JOIN public.schools_school AS open
    ON open.postal_code = closed.postal_code AND open.commune_folded = closed.commune_folded
    AND open.state <> %(closed)s AND open.type = closed.type
    AND (open.name_folded = closed.name_folded
         OR (closed.address <> '' AND public.fold(open.address) = public.fold(closed.address)))
GROUP BY closed.uai HAVING count(*) = 1
"""


def situation_of(table: Import, uais: Collection[str]) -> Situation:
    """Return what is known of these schools, and what they have from the import's lot."""
    pool = Pool.objects.select_related("source__product").get(pk=table.pool_id) if table.pool_id else None
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, {"uais": " ".join(set(uais)), "pool": table.pool_id, "closed": SchoolState.CLOSED})
        schools = {
            uai: SchoolFacts(
                f"{name} – {commune}" if commune else name,
                closed,
                elementary,
                mailbox,
                RemitFacts(*remit) if in_remit else None,
                held,
                redeemed_at,
            )
            for uai, name, commune, closed, elementary, mailbox, held, redeemed_at, in_remit, *remit in cursor
        }
    return Situation(
        purpose=Purpose(table.purpose),
        schools=schools,
        has_remit=SchoolInRemit.objects.exists(),
        for_elementary=pool.source.product.for_elementary if pool else False,
        volume=Volume(table.layout["volume"]) if table.layout.get("volume") else None,
        units_for_all=table.units_for_all,
        successors=_successors([uai for uai, facts in schools.items() if facts.closed]),
        sheets=table.layout.get("sheets", ()),
    )


def _successors(closed: list[str]) -> dict[str, Proposal]:
    """Return for each closed school the open one in its place, where the directory shows one."""
    if not closed:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SUCCESSORS, {"uais": closed, "closed": SchoolState.CLOSED})
        return {
            uai: Proposal(successor, f"{school_name(name)} – {commune}", SUCCESSOR_SCORE)
            for uai, successor, name, commune in cursor.fetchall()
        }


#: A likely school, and never one that is taken without a member's look at it.
SUCCESSOR_SCORE = 0.8
