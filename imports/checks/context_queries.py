"""Load the data that rows are checked against, by a constant number of queries."""

import datetime
from collections.abc import Collection

from django.db import connection

from collectivities.models import PortfolioSchool
from collectivities.operations.portfolio import SchoolContact
from core.calendar import date_in_paris
from imports.checks.context import CheckContext, SchoolFacts
from imports.enums import ImportState, Purpose
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing import repeated_schools
from licensing.pools.models import Pool
from licensing.pools.queries import list_holdings, list_sibling_pools
from schools.models import SchoolState
from schools.recognition import Proposal
from schools.recognition.candidates import SchoolSummary, fetch_summaries
from schools.wording import format_school_name

# One text parameter: 60,000 placeholders, or an array of as many, would cost more than the query itself. Portfolio and
# allocations are queried apart, as most schools have neither.
_PORTFOLIO_SQL = """
SELECT school_id, contact_name, contact_email, contact_phone, classes
FROM unnest(string_to_array(%(uais)s, ' ')) AS requested (uai)
JOIN collectivities_portfolioschool ON school_id = requested.uai
"""
_ALLOCATIONS_SQL = """
SELECT allocation.school_id, allocation.units, allocation.redeemed_at
FROM unnest(string_to_array(%(uais)s, ' ')) AS requested (uai)
JOIN pools_allocation AS allocation
    ON allocation.pool_id = %(pool)s AND allocation.school_id = requested.uai AND allocation.revoked_at IS NULL
"""
# Successor of a school that merged or moved: the open school of the same type and commune with the same name or
# address, provided there is exactly one.
_SUCCESSORS_SQL = """
SELECT closed.uai, min(open.uai), min(open.name), min(open.commune)
FROM unnest(%(uais)s::text[]) AS requested (uai)
JOIN public.schools_school AS closed ON closed.uai = requested.uai
JOIN public.schools_school AS open
    ON open.postal_code = closed.postal_code AND open.commune_folded = closed.commune_folded
    AND open.state <> %(closed)s AND open.type = closed.type
    AND (open.name_folded = closed.name_folded
         OR (closed.address <> '' AND public.fold(open.address) = public.fold(closed.address)))
GROUP BY closed.uai HAVING count(*) = 1
"""

_NO_ALLOCATION = (0, None)


def is_for_elementary(spreadsheet_import: SpreadsheetImport) -> bool:
    """Return whether the product of the import's pool leaves out schools without classes from CP to CM2."""
    pool = _get_pool(spreadsheet_import)
    return pool is not None and pool.entitlement.product.for_elementary


def _get_pool(spreadsheet_import: SpreadsheetImport) -> Pool | None:
    if not spreadsheet_import.pool_id:
        return None
    return Pool.objects.prefetch_related("entitlement__product").get(pk=spreadsheet_import.pool_id)


def load_context(
    spreadsheet_import: SpreadsheetImport,
    uais: Collection[str],
    summaries_by_uai: dict[str, SchoolSummary] | None = None,
) -> CheckContext:
    """Return the check context of these schools. `summaries_by_uai`: directory data already read, which is emptied.

    It takes 60 MB for 100,000 rows, of which the context keeps 28.
    """
    pool = _get_pool(spreadsheet_import)
    # Not copied: 4 MB of 100,000.
    requested = uais if isinstance(uais, set) else set(uais)
    parameters = {"uais": " ".join(requested), "pool": spreadsheet_import.pool_id}
    with connection.cursor() as cursor:
        cursor.execute(_PORTFOLIO_SQL, parameters)
        portfolio = {uai: SchoolContact(*contact) for uai, *contact in cursor.fetchall()}
        cursor.execute(_ALLOCATIONS_SQL, parameters)
        held = {uai: (units, redeemed_at) for uai, units, redeemed_at in cursor.fetchall()}
    elsewhere = list_holdings(list_sibling_pools(pool), requested) if pool else {}
    found = {} if summaries_by_uai is None else summaries_by_uai
    if unseen := requested.difference(found):
        found |= fetch_summaries(unseen)
    # Each one is let go as its facts are made, in the order in which they lie in memory.
    summaries = (found.pop(uai) for uai in list(found) if uai in requested)
    schools = {
        uai: SchoolFacts(
            f"{name} – {commune}" if commune else name,
            closed,
            elementary,
            mailbox,
            portfolio.get(uai),
            *held.get(uai, _NO_ALLOCATION),
            elsewhere.get(uai, ()),
        )
        for uai, name, commune, _, _, _, closed, elementary, mailbox in summaries
    }
    found.clear()
    return CheckContext(
        purpose=Purpose(spreadsheet_import.purpose),
        schools=schools,
        has_portfolio=PortfolioSchool.objects.exists(),
        for_elementary=pool.entitlement.product.for_elementary if pool else False,
        volume=spreadsheet_import.layout.volume,
        units_for_all=spreadsheet_import.units_for_all,
        successors=_successors([uai for uai, facts in schools.items() if facts.closed]),
        sheets=spreadsheet_import.layout.sheets,
        additions=_list_additions(spreadsheet_import, requested) if spreadsheet_import.layout.adds_units else None,
        adds_up=any(
            one.code == repeated_schools.QUESTION and one.answer in (repeated_schools.SUM, repeated_schools.COUNT)
            for one in spreadsheet_import.layout.answered
        ),
    )


def _list_additions(
    spreadsheet_import: SpreadsheetImport, uais: Collection[str]
) -> dict[tuple[str, int], datetime.date]:
    """Return when applied imports of the same titles added a number to one of these schools, by UAI and number."""
    applied = SpreadsheetImport.objects.filter(
        pool=spreadsheet_import.pool_id,
        state=ImportState.APPLIED,
        layout__header_digest=spreadsheet_import.layout.header_digest,
    )
    days = {one.pk: date_in_paris(one.applied_at) for one in applied if one.applied_at and one.layout.adds_units}
    rows = ImportRow.objects.filter(import_id__in=days, ticked=True, uai__in_array=list(uais)).order_by("import_id")
    return {
        (uai, (units or 0) - before): days[import_id]
        for import_id, uai, units, before in rows.values_list("import_id", "uai", "units", "units_before")
    }


def _successors(closed: list[str]) -> dict[str, Proposal]:
    """Return the open successor of each closed school, where the directory has exactly one."""
    if not closed:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SUCCESSORS_SQL, {"uais": closed, "closed": SchoolState.CLOSED})
        return {
            uai: Proposal(successor, f"{format_school_name(name)} – {commune}", SUCCESSOR_SCORE)
            for uai, successor, name, commune in cursor.fetchall()
        }


#: Likely, but below the threshold at which a proposal is accepted without review.
SUCCESSOR_SCORE = 0.8
