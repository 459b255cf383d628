"""Bulk actions on all rows of the current filter."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Unpack

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_POST

from collectivities.access import OfficeHttpRequest
from core import formatting
from imports import operations, queries
from imports.checks.problem_codes import OTHER_POOL, UNTICKING
from imports.models import SpreadsheetImport
from imports.queries import BaseRowQuery
from imports.remark_queries import count_remarks_of
from imports.web.remark_lines import describe_rows
from imports.web.views import PREPARERS
from imports.web.views.rows import redirect_back
from imports.web.views.verification import get_row_filter
from licensing.exceptions import LicensingError
from web.access import require_policy


class BulkResult(NamedTuple):
    """How many rows changed, and a sentence about those that were left as they are, "" if there are none."""

    changed: int
    left: str = ""


class RowBulkAction(NamedTuple):
    """A bulk action: its operation, and the French nouns that count its result."""

    does: Callable[..., int | BulkResult]
    one: str
    several: str
    #: Message if nothing changed.
    none: str
    #: Whether the operation takes `by` and `at`; ticking does not.
    is_audited: bool = True


def _tick(*, import_id: int, **filters: Unpack[BaseRowQuery]) -> BulkResult:
    """Tick the rows of a filter. Those left aside for a reason are ticked only by the line of their remark.

    The question about other pools has answers of its own: a tick is none.
    """
    left_codes = {OTHER_POOL} if filters.get("state") else UNTICKING
    changed = operations.tick_all(import_id=import_id, ticked=True, except_codes=left_codes, **filters)
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    rows = queries.filter_rows(spreadsheet_import, **filters).filter(queries.is_tickable_q(), ticked=False)
    left = count_remarks_of(rows.order_by())
    if not left:
        return BulkResult(changed)
    count = sum(one.rows for one in left)
    which = formatting.join_words([describe_rows(one) for one in left])
    return BulkResult(
        changed,
        f"{formatting.pluralize(count, 'ligne reste décochée', 'lignes restent décochées')} : {which}. Pour "
        f"{'la' if count == 1 else 'les'} inclure, passez par {'sa' if count == 1 else 'leur'} remarque, au-dessus du "
        "tableau.",
    )


def _answer_pool_questions(**arguments: Any) -> BulkResult:
    """Answer for the rows of a filter; say how many schools are served already."""
    answered = operations.answer_all_pool_questions(**arguments)
    if not answered.served:
        return BulkResult(answered.given)
    left = formatting.pluralize(answered.served, "école est mise de côté", "écoles sont mises de côté")
    has = "elle a déjà ce nombre" if answered.served == 1 else "elles ont déjà ce nombre"
    return BulkResult(answered.given, f"{left} : {has} par un autre lot.")


ACTIONS = {
    "tick": RowBulkAction(
        _tick,
        "ligne cochée",
        "lignes cochées",
        "toutes les lignes qui peuvent l'être étaient déjà cochées.",
        is_audited=False,
    ),
    "besides": RowBulkAction(
        partial(_answer_pool_questions, besides=True),
        "école reçoit le nombre du tableau en plus",
        "écoles reçoivent le nombre du tableau en plus",
        "aucune de ces écoles n'a de licences d'un autre lot.",
    ),
    "untick": RowBulkAction(
        partial(operations.tick_all, ticked=False),
        "ligne décochée",
        "lignes décochées",
        "aucune de ces lignes n'était cochée.",
        is_audited=False,
    ),
    "choose": RowBulkAction(
        operations.accept_proposals,
        "école choisie",
        "écoles choisies",
        "aucune de ces lignes n'a de proposition assez sûre : choisissez-les une à une.",
    ),
    "add_to_portfolio": RowBulkAction(
        operations.add_all_to_portfolio,
        "école ajoutée au périmètre",
        "écoles ajoutées au périmètre",
        "toutes ces écoles sont déjà dans votre périmètre.",
    ),
    "await": RowBulkAction(
        operations.await_all,
        "ligne gardée jusqu'à ce que l'annuaire connaisse son école",
        "lignes gardées jusqu'à ce que l'annuaire connaisse leurs écoles",
        "l'annuaire connaît déjà ces écoles, ou elles n'ont pas d'UAI.",
    ),
    "ignore": RowBulkAction(
        operations.set_all_aside,
        "ligne mise de côté",
        "lignes mises de côté",
        "ces lignes étaient déjà de côté.",
    ),
    "complement": RowBulkAction(
        partial(_answer_pool_questions, besides=False),
        "école complétée jusqu'au nombre du tableau",
        "écoles complétées jusqu'au nombre du tableau",
        "aucune de ces écoles n'a de licences d'un autre lot.",
    ),
    "first_address": RowBulkAction(
        operations.write_to_first_addresses,
        "adresse choisie",
        "adresses choisies",
        "aucune de ces cases ne contient plusieurs adresses.",
    ),
    "official_address": RowBulkAction(
        operations.write_to_official_addresses,
        "adresse officielle choisie",
        "adresses officielles choisies",
        "l'annuaire n'a l'adresse d'aucune de ces écoles.",
    ),
    "restore": RowBulkAction(
        operations.restore_all, "ligne reprise", "lignes reprises", "aucune de ces lignes n'était de côté."
    ),
}


@require_policy(PREPARERS)
@require_POST
def bulk(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Run a bulk action on the filtered rows, and report how many changed."""
    get_object_or_404(SpreadsheetImport, pk=pk)
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None:
        return redirect_back(request, pk)
    signature = {"by": request.member.user, "at": timezone.now()} if action.is_audited else {}
    try:
        done = action.does(import_id=pk, **get_row_filter(request).as_row_query(), **signature)
    except LicensingError as refusal:
        messages.error(request, refusal.sentence)
    else:
        result = done if isinstance(done, BulkResult) else BulkResult(done)
        if result.changed:
            sentence = f"{formatting.pluralize(result.changed, action.one, action.several)}."
            messages.success(request, f"{sentence} {result.left}".rstrip())
        else:
            messages.info(request, result.left or action.none)
    return redirect_back(request, pk)
