"""Bulk actions on all rows of the current filter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_POST

from imports import operations
from imports.models import Import
from imports.views import PREPARERS
from imports.views.rows import back
from imports.views.verification import filter_of
from licensing.exceptions import Refused
from web import typography
from web.access import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from collectivities.access import OfficeRequest


class Action(NamedTuple):
    """A bulk action: its operation, and the French nouns that count its result."""

    does: Callable[..., int]
    one: str
    several: str
    #: Message if nothing changed.
    none: str
    #: Whether the operation takes `by` and `at`; ticking does not.
    signed: bool = True


ACTIONS = {
    "tick": Action(
        partial(operations.tick_all, ticked=True),
        "ligne cochée",
        "lignes cochées",
        "toutes les lignes qui peuvent l'être étaient déjà cochées.",
        signed=False,
    ),
    "untick": Action(
        partial(operations.tick_all, ticked=False),
        "ligne décochée",
        "lignes décochées",
        "aucune de ces lignes n'était cochée.",
        signed=False,
    ),
    "choose": Action(
        operations.accept_proposals,
        "école choisie",
        "écoles choisies",
        "aucune de ces lignes n'a de proposition assez sûre : choisissez-les une à une.",
    ),
    "add_to_remit": Action(
        operations.add_all_to_remit,
        "école ajoutée au périmètre",
        "écoles ajoutées au périmètre",
        "toutes ces écoles sont déjà dans votre périmètre.",
    ),
    "await": Action(
        operations.await_all,
        "ligne gardée jusqu'à ce que l'annuaire connaisse son école",
        "lignes gardées jusqu'à ce que l'annuaire connaisse leurs écoles",
        "l'annuaire connaît déjà ces écoles, ou elles n'ont pas d'UAI.",
    ),
    "ignore": Action(
        operations.put_all_aside,
        "ligne mise de côté",
        "lignes mises de côté",
        "ces lignes étaient déjà de côté.",
    ),
}


@opened(PREPARERS)
@require_POST
def bulk(request: OfficeRequest, pk: int) -> HttpResponse:
    """Run a bulk action on the filtered rows, and report how many changed."""
    get_object_or_404(Import, pk=pk)
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None:
        return back(request, pk)
    signature = {"by": request.member.user, "at": timezone.now()} if action.signed else {}
    try:
        changed = action.does(import_id=pk, **filter_of(request).asked(), **signature)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    else:
        if changed:
            messages.success(request, f"{typography.plural(changed, action.one, action.several)}.")
        else:
            messages.info(request, action.none)
    return back(request, pk)
