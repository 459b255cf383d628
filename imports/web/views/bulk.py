"""Bulk actions on all rows of the current filter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_POST

from core import formatting
from imports import operations
from imports.models import SpreadsheetImport
from imports.web.views import PREPARERS
from imports.web.views.rows import redirect_back
from imports.web.views.verification import get_row_filter
from licensing.exceptions import LicensingError
from web.access import require_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest


class RowBulkAction(NamedTuple):
    """A bulk action: its operation, and the French nouns that count its result."""

    does: Callable[..., int]
    one: str
    several: str
    #: Message if nothing changed.
    none: str
    #: Whether the operation takes `by` and `at`; ticking does not.
    is_audited: bool = True


ACTIONS = {
    "tick": RowBulkAction(
        partial(operations.tick_all, ticked=True),
        "ligne cochée",
        "lignes cochées",
        "toutes les lignes qui peuvent l'être étaient déjà cochées.",
        is_audited=False,
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
        operations.complement_all,
        "école complétée jusqu'au nombre du tableau",
        "écoles complétées jusqu'au nombre du tableau",
        "aucune de ces écoles n'a de licences d'un autre lot.",
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
        changed = action.does(import_id=pk, **get_row_filter(request).as_row_query(), **signature)
    except LicensingError as refusal:
        messages.error(request, refusal.sentence)
    else:
        if changed:
            messages.success(request, f"{formatting.pluralize(changed, action.one, action.several)}.")
        else:
            messages.info(request, action.none)
    return redirect_back(request, pk)
