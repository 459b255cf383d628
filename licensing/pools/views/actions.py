"""Acts of managers on one allocation, and the undo of what was taken back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.reauthentication import confirmed_recently
from collectivities.access import OfficeHttpRequest, office
from collectivities.exceptions import NotInPortfolio
from collectivities.models import Role
from collectivities.operations import portfolio
from licensing.exceptions import LicensingError
from licensing.pools import operations
from licensing.pools.forms import ResendForm, RestoreForm
from licensing.pools.models import Allocation
from licensing.pools.views.one_allocation import return_to_page
from licensing.pools.views.results import get_list_url, show_results

_RESTORED = (
    "reprise annulée : la clé vaut de nouveau ses licences, et l'école n'a été prévenue de rien",
    "reprises annulées : les clés valent de nouveau leurs licences, et aucune école n'a été prévenue de rien",
)


@require_POST
@office(Role.MANAGER)
def restore(request: OfficeHttpRequest) -> HttpResponse:
    """Undo what was revoked at one moment, within the hour."""
    form = RestoreForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest("revoked_at must be the moment of a revocation.")
    results = operations.restore_revocation(
        revoked_at=form.cleaned_data["revoked_at"], by=request.member.user, at=timezone.now()
    )
    _show_restored(request, results)
    return redirect(get_list_url(request.POST.get("query", "")))


@require_POST
@office(Role.MANAGER)
def restore_one(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Undo the revocation of one allocation, within the hour."""
    allocation = get_object_or_404(Allocation, pk=pk)
    results = operations.restore_many(allocation_ids=[pk], by=request.member.user, at=timezone.now())
    _show_restored(request, results)
    return return_to_page(request, allocation)


def _show_restored(request: OfficeHttpRequest, results: Sequence[operations.AllocationActionResult]) -> None:
    if results:
        show_results(request, _RESTORED, results)
    else:
        messages.info(request, "Cette reprise a déjà été annulée : il n'y a plus rien à rendre.")


@require_POST
@office(Role.MANAGER)
def resend(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Resend the key, to the corrected address; with `keep`, the school's next keys go there as well."""
    allocation = get_object_or_404(Allocation, pk=pk)
    form = ResendForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Cette adresse e-mail n'est pas valable : corrigez-la, rien n'a été envoyé.")
        return return_to_page(request, allocation)
    by, now, recipient = request.member.user, timezone.now(), form.cleaned_data["recipient"]
    try:
        message = operations.resend(allocation_id=pk, recipient=recipient, by=by, at=now)
    except LicensingError as refusal:
        messages.error(request, str(refusal))
    else:
        words = f"La même clé part pour {message.recipient}."
        if form.cleaned_data["keep"] and recipient != allocation.recipient:
            with suppress(NotInPortfolio):
                portfolio.set_contact_email(uai=allocation.school_id, email=recipient, by=by, at=now)
                words += " Les prochaines y partiront aussi."
        messages.success(request, words)
    return return_to_page(request, allocation)


@confirmed_recently()
@never_cache
@require_POST
@office(Role.MANAGER)
def reveal(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Confirm, then show the key once, recording it in the audit log."""
    allocation = get_object_or_404(Allocation.objects.select_related("school"), pk=pk)
    key = ""
    if "confirmed" in request.POST:
        try:
            key = operations.reveal(allocation_id=pk, by=request.member.user, at=timezone.now())
        except LicensingError as refusal:
            messages.error(request, str(refusal))
            return redirect("pools:allocation", pk=pk)
    return render(request, "pools/reveal.html", {"allocation": allocation, "key": key})
