"""List, create and revoke API tokens. Managers only."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods

from accounts.reauthentication import confirmed_recently
from api.models import Token
from api.tokens import InvalidTokenSettings, TokenAlreadyCreated
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.forms import ApiTokenForm
from collectivities.operations import tokens as operations
from collectivities.operations.tokens import get_last_day, list_ended_tokens, list_valid_tokens
from core.calendar import end_of_day
from web.page_actions import page_action

#: Form fields by parameter of the operation, where the names differ.
_FIELDS = {"expires_at": "last_day"}


@office(Capability.MANAGE_OFFICE)
@require_GET
def tokens_list(request: OfficeHttpRequest) -> HttpResponse:
    """List valid tokens, then ended ones."""
    now = timezone.now()
    return render(
        request, "collectivities/tokens.html", {"valid_tokens": list_valid_tokens(now), "ended": list_ended_tokens(now)}
    )


@confirmed_recently()
@office(Capability.MANAGE_OFFICE)
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("created")
def new(request: OfficeHttpRequest) -> HttpResponse:
    """Create a token and show its secret once, in the response, which is not cached.

    The form carries an idempotency key: submitted again, it neither creates a second token nor shows the first.
    """
    form = ApiTokenForm(request.POST or None)
    if form.is_valid():
        data = form.cleaned_data
        expires_at = end_of_day(data.pop("last_day"))
        try:
            created = operations.create_token(**data, expires_at=expires_at, by=request.member.user, at=timezone.now())
        except TokenAlreadyCreated as refusal:
            messages.warning(request, str(refusal))
            return redirect("tokens:list")
        except InvalidTokenSettings as refusal:
            form.add_error(_FIELDS.get(refusal.field, refusal.field), str(refusal))
        else:
            context = {"token": created.token, "secret": created.secret, "last_day": get_last_day(created.token)}
            return render(request, "collectivities/token_created.html", context)
    return render(request, "collectivities/token_new.html", {"form": form})


@office(Capability.MANAGE_OFFICE)
@require_http_methods(["GET", "POST"])
@page_action("tokens:list")
def revoke(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Confirm, then revoke a token."""
    token = get_object_or_404(Token, pk=pk)
    if token.revoked_at is not None:
        messages.info(request, f"Le jeton « {token.name} » est déjà révoqué.")
        return redirect("tokens:list")
    if request.method == "GET":
        return render(request, "collectivities/token_revoke.html", {"token": token, "last_day": get_last_day(token)})
    operations.revoke_token(token_id=pk, by=request.member.user, at=timezone.now())
    return f"le jeton « {token.name} » est révoqué : plus aucun programme n'entre avec lui."
