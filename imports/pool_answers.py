"""What each answer gives a school with licences of another pool: the rest of the file's number, or all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from collectivities.models import PortfolioSchool
from imports.checks.problem_codes import OTHER_POOL_CODES
from imports.checks.unit_checks import get_complement
from imports.enums import APPLICABLE, Volume
from imports.meanings import Meaning
from imports.models import ImportRow, SpreadsheetImport
from imports.rows import parse_file_units
from licensing.pools.queries import list_holdings, list_sibling_pools


class PoolAnswers(NamedTuple):
    """The licences that a school then holds from the pool of the import, by answer."""

    #: With the licences of the other pools, the school has the number of the file.
    completed: int
    #: The number of the file, besides them.
    besides: int
    #: Licences held from the other pools.
    elsewhere: int


def list_pool_answers(spreadsheet_import: SpreadsheetImport, rows: Iterable[ImportRow]) -> dict[int, PoolAnswers]:
    """Return the answers for the rows that are or were asked about, by primary key. Three queries at most."""
    asked = [row for row in rows if row.verdict in APPLICABLE and not OTHER_POOL_CODES.isdisjoint(row.codes)]
    if not asked or spreadsheet_import.pool is None:
        return {}
    held = list_holdings(list_sibling_pools(spreadsheet_import.pool), [row.uai for row in asked])
    stated = _list_file_units(spreadsheet_import, asked)
    return {
        row.pk: PoolAnswers(
            get_complement(stated[row.pk], row.units_before, held.get(row.uai, ())),
            stated[row.pk],
            sum(holding.units for holding in held.get(row.uai, ())),
        )
        for row in asked
    }


def _list_file_units(spreadsheet_import: SpreadsheetImport, rows: Sequence[ImportRow]) -> dict[int, int]:
    """Return the number of the file for each row, without what a member typed; that where the file has none."""
    typed = [row for row in rows if Meaning.UNITS in row.edits]
    numbers = {row.pk: row.units or 0 for row in rows}
    numbers |= {row.pk: units for row in typed if (units := parse_file_units(row, spreadsheet_import)) is not None}
    if typed and spreadsheet_import.layout.volume is Volume.PORTFOLIO:
        known = PortfolioSchool.objects.filter(school_id__in=[row.uai for row in typed]).exclude(classes=None)
        classes = dict(known.values_list("school_id", "classes"))
        numbers |= {row.pk: count for row in typed if (count := classes.get(row.uai)) is not None}
    return numbers
