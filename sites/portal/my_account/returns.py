"""Licences that a principal gives back to the collectivity, or keeps where it asks for them: the page and its acts."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.requests import AuthenticatedRequest
from core import formatting
from core.formatting import collectivity_forms
from licensing.entitlements.exceptions import SubscriptionNotAdministered
from licensing.entitlements.models import Subscription
from licensing.exceptions import LicensingError
from licensing.returns import operations as return_operations
from licensing.returns import queries
from licensing.returns.models import MAX_COMMENT
from licensing.returns.wording import describe_demand, describe_given_back, describe_unused
from sites.portal.my_account.page import render_licences_page
from sites.portal.my_account.responses import parse_pk
from web.access import signed_in

#: Value of the field `acte` of the button that keeps what was asked for.
_KEEP = "garder"


class ReturnForm(forms.Form):
    """How many licences to give back, and a sentence for the collectivity that asked."""

    nombre = forms.IntegerField(
        label="Nombre de licences à rendre",
        min_value=1,
        max_value=1_000_000,
        error_messages={
            "required": "Indiquez combien de licences vous rendez.",
            "invalid": "Indiquez un nombre entier de licences.",
            "min_value": "Indiquez un nombre entier de licences, au moins 1.",
            "max_value": "C'est plus qu'il n'y a de licences : corrigez le nombre.",
        },
    )
    mot = forms.CharField(label="Un mot pour la collectivité (facultatif)", required=False, max_length=MAX_COMMENT)


@signed_in
@require_http_methods(["GET", "POST"])
def give_back(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Say what giving back means and ask how many; then give them back, or keep what was asked for."""
    try:
        subscription, collectivity = return_operations.check_may_give_back(pk, request.user)
    except SubscriptionNotAdministered:
        raise Http404("Not a subscription of this principal.") from None
    except LicensingError as refusal:
        return render_licences_page(request, status=409, refusal=refusal)
    if request.method == "POST":
        return _answer(request, subscription, collectivity.name)
    return _render(request, subscription, collectivity.name)


def _answer(request: AuthenticatedRequest, subscription: Subscription, giver: str) -> HttpResponse:
    form = ReturnForm(request.POST)
    keeps = request.POST.get("acte") == _KEEP
    if keeps:
        # The number is of no matter then.
        form.errors.pop("nombre", None)
    if form.errors:
        return _render(request, subscription, giver, form=form, status=422)
    at, comment = timezone.now(), form.cleaned_data["mot"]
    try:
        if keeps:
            return_operations.keep(
                request_id=parse_pk(request.POST.get("demande", "")), by=request.user, at=at, comment=comment
            )
            sentence = (
                f"Votre réponse est enregistrée : vous gardez ces licences. {_start(giver)} le lit dans son espace."
            )
        else:
            done = return_operations.give_back(
                subscription_id=subscription.pk,
                units=form.cleaned_data["nombre"],
                by=request.user,
                at=at,
                comment=comment,
            )
            sentence = describe_given_back(done.licence_return.units, done.left, done.giver)
    except LicensingError as refusal:
        return _render(request, subscription, giver, form=form, refusal=str(refusal), status=409)
    messages.success(request, formatting.add_nonbreaking_spaces(sentence))
    return redirect("my_account_licences")


def _start(giver: str) -> str:
    return formatting.start_sentence(collectivity_forms(giver).the)


def _render(
    request: AuthenticatedRequest,
    subscription: Subscription,
    giver: str,
    *,
    form: ReturnForm | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    key_id, now = subscription.key_id, timezone.now()
    unused = queries.count_unused([key_id]).get(key_id, 0)
    demand = queries.list_open_requests([key_id], now).get(key_id)
    proposed = min(demand.units, unused) if demand is not None else unused
    content = {
        "tab": "licences",
        "subscription": subscription,
        "unused": unused,
        "unused_words": describe_unused(unused, str(subscription.key.entitlement.product), giver),
        "demand": demand,
        "demand_words": describe_demand(demand) if demand is not None else "",
        "form": form or ReturnForm(initial={"nombre": proposed}),
        "max_comment": MAX_COMMENT,
        "refusal": refusal,
    }
    return render(request, "portal/my_account_return.html", content, status=status)


@signed_in
@require_POST
def undo_return(request: AuthenticatedRequest) -> HttpResponse:
    """Take again what was given back within the hour."""
    try:
        done = return_operations.undo_return(
            return_id=parse_pk(request.POST.get("retour", "")), by=request.user, at=timezone.now()
        )
    except SubscriptionNotAdministered:
        raise Http404("Not a return of this principal.") from None
    except LicensingError as refusal:
        return render_licences_page(request, status=409, refusal=refusal)
    again = formatting.pluralize(done.licence_return.units, "licence est", "licences sont")
    messages.success(request, f"{again} de nouveau à vous, sous la même clé : le retour est annulé.")
    return redirect("my_account_licences")
