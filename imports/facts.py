"""What the database knows about the schools of a spreadsheet: a few queries, whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from collectivities.models import SchoolInRemit
from imports.enums import Purpose, Volume
from imports.verdicts import RemitFacts, SchoolFacts, Situation
from licensing.pools.models import Pool
from schools.models import SchoolState
from schools.recognition import Proposal, glances
from schools.wording import school_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from imports.models import Import
    from schools.recognition import Glance

# One text as parameter: sixty thousand placeholders, or an array of as many, would cost more than the answer. What most
# schools do not have is asked for apart, and not for each of them.
_REMIT = """
SELECT school_id, contact_name, contact_email, contact_phone, classes
FROM unnest(string_to_array(%(uais)s, ' ')) AS asked (uai)
JOIN collectivities_schoolinremit ON school_id = asked.uai
"""
_HELD = """
SELECT allocation.school_id, allocation.units, key.redeemed_at
FROM unnest(string_to_array(%(uais)s, ' ')) AS asked (uai)
JOIN pools_allocation AS allocation
    ON allocation.pool_id = %(pool)s AND allocation.school_id = asked.uai AND allocation.revoked_at IS NULL
JOIN public.subscriptions_activationkey AS key ON key.id = allocation.key_id
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

_NOTHING = (0, None)


def situation_of(table: Import, uais: Collection[str], seen: Mapping[str, Glance] | None = None) -> Situation:
    """Return what is known of these schools, and what they have from the import's lot. `seen`: what was just read."""
    pool = Pool.objects.select_related("source__product").get(pk=table.pool_id) if table.pool_id else None
    wanted = set(uais)
    asked = {"uais": " ".join(wanted), "pool": table.pool_id}
    with connection.cursor() as cursor:
        cursor.execute(_REMIT, asked)
        remit = {uai: RemitFacts(*contact) for uai, *contact in cursor.fetchall()}
        cursor.execute(_HELD, asked)
        held = {uai: (units, redeemed_at) for uai, units, redeemed_at in cursor.fetchall()}
    found = seen or {}
    if unseen := wanted.difference(found):
        found = {**found, **glances(unseen)}
    schools = {
        uai: SchoolFacts(
            f"{name} – {commune}" if commune else name,
            closed,
            elementary,
            mailbox,
            remit.get(uai),
            *held.get(uai, _NOTHING),
        )
        for uai, name, commune, _, _, _, closed, elementary, mailbox in (found[uai] for uai in wanted if uai in found)
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
