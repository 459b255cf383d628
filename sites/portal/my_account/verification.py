"""« Je dirige cet établissement »: verify a principal by a link sent to the school's official mailbox.

The link's page is public: whoever reads the mailbox needs no account. The link's token is kept in the session
(`web.link_page`, `web.link_page`).
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from accounts.requests import AuthenticatedRequest
from core.exceptions import DomainError
from licensing.entitlements import operations
from licensing.entitlements.models import Subscription
from licensing.entitlements.overview import PrincipalOverview
from schools import principals
from schools.exceptions import PrincipalLinkExpired, PrincipalsChanged
from schools.models import Affiliation, PrincipalRequest, School
from schools.queries import (
    LikelySchool,
    get_pending_principal_request,
    get_principal_request,
    list_verified_principals,
    suggest_schools_for,
)
from schools.wording import format_school, mask_email
from web.access import public_page, signed_in
from web.link_page import forget_link_token, get_link_token, keep_link_token, opens_link
from web.page_actions import page_action

# Offers on « Mon compte »: verification as principal, directory matches of a school typed by hand.
#
# Read with the page; the views are in `verification` and `profile`.


@dataclass(frozen=True, kw_only=True, slots=True)
class VerificationOffer:
    """Verification offered to a principal by the official mailbox of the displayed school."""

    school: School
    #: The user has a subscription for the school: offered prominently.
    served: bool
    #: The school has a verified principal, whose name is not shown.
    led: bool
    #: The request whose link can still be confirmed.
    sent: PrincipalRequest | None

    @property
    def open(self) -> bool:
        return self.served or self.led


def get_verification_offer(
    user: User, overview: PrincipalOverview, *, at: datetime.datetime
) -> VerificationOffer | None:
    """Return the offer; None for a verified principal, and where the school was typed by hand.

    At most two queries; none for a verified principal.
    """
    affiliation = overview.affiliation
    if affiliation is None or affiliation.school is None or affiliation.verified_at is not None:
        return None
    school = affiliation.school
    served = any(card.subscription.school_id == school.pk for card in overview.cards)
    return VerificationOffer(
        school=school,
        served=served,
        led=list_verified_principals(school.pk).exists(),
        sent=get_pending_principal_request(user, school.pk, at=at),
    )


def find_likely_schools(content: dict[str, Any]) -> list[LikelySchool]:
    """Return directory schools that may match the one typed by hand, if any, with reasons."""
    affiliations = content["overview"].affiliations if "overview" in content else [content.get("affiliation")]
    typed: Affiliation | None = next((one for one in affiliations if one is not None and one.school_id is None), None)
    return suggest_schools_for(typed) if typed is not None else []


KEEP, REPLACE = "avec", "remplace"


def _get_page(request: AuthenticatedRequest) -> str:
    return "my_account_school" if request.POST.get("page") == "school" else "my_account"


def _refuse_request(request: AuthenticatedRequest, refusal: DomainError) -> HttpResponse:
    messages.error(request, str(refusal))
    return redirect(_get_page(request))


@signed_in
@require_POST
@page_action(refused=_refuse_request)
def request_verification(request: AuthenticatedRequest) -> HttpResponse:
    """Send the link to the official mailbox of one of the user's schools."""
    uai = request.POST.get("uai", "")
    sent = principals.request_verification(
        uai=uai,
        by=request.user,
        has_subscription=Subscription.objects.filter(principal=request.user, school=uai).exists(),
        at=timezone.now(),
    )
    messages.success(
        request,
        f"Un lien vient d'être envoyé à {sent.school.email} : ouvrez-le depuis cette boîte, ou demandez à qui la "
        "relève de le faire. Il vaut sept jours.",
    )
    return redirect(_get_page(request))


class CurrentPrincipalsForm(forms.Form):
    """For each current principal, whether they stay or are replaced; no default answer."""

    def __init__(self, data: Any = None, *, newcomer: User, current: Iterable[User]) -> None:
        super().__init__(data)
        for principal in current:
            self.fields[f"chef-{principal.pk}"] = forms.ChoiceField(
                label=f"{principal} dirige aujourd’hui l’établissement.",
                choices=[
                    (KEEP, f"{newcomer} le dirige avec {principal}."),
                    (REPLACE, f"{newcomer} remplace {principal}, qui ne le dirige plus."),
                ],
                widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
                error_messages={"required": "Choisissez l’une des deux réponses."},
            )

    def answered(self, answer: str) -> list[int]:
        """Return the primary keys of the principals with this answer, of a valid form."""
        return [int(name.removeprefix("chef-")) for name, value in self.cleaned_data.items() if value == answer]


def _render_expired(request: HttpRequest, refusal: PrincipalLinkExpired, **_: object) -> HttpResponse:
    return render(request, "portal/verification_expired.html", {"refusal": refusal}, status=410)


@public_page
@opens_link
@page_action(refused=_render_expired, errors=PrincipalLinkExpired)
@sensitive_variables("token")
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token in the session and redirect to the page without it."""
    verification_request, _ = get_principal_request(token, at=timezone.now())
    keep_link_token(request, _name_link(verification_request.pk), token)
    return redirect("principal_verification_confirm", pk=verification_request.pk)


def _name_link(pk: int) -> str:
    return f"principal:{pk}"


@public_page
@never_cache
@require_http_methods(["GET", "POST"])
@page_action(refused=_render_expired, errors=PrincipalLinkExpired)
@page_action("principal_verification_confirm", "pk", errors=PrincipalsChanged)
@sensitive_variables("token")
def confirm_verification(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show who asks to be verified as principal, and the consequences; then confirm."""
    now = timezone.now()
    token = get_link_token(request, _name_link(pk))
    if token is None:
        return render(request, "portal/verification_unopened.html", status=410)
    verification_request, _ = get_principal_request(token, at=now)
    current = [affiliation.user for affiliation in list_verified_principals(verification_request.school_id)]
    form = CurrentPrincipalsForm(
        request.POST if request.method == "POST" else None, newcomer=verification_request.user, current=current
    )
    content: dict[str, Any] = {
        "verification_request": verification_request,
        "school_name": format_school(verification_request.school),
        "address": mask_email(verification_request.user.email),
        "form": form,
        "principals": current,
    }
    if request.method == "GET" or not form.is_valid():
        status = 200 if request.method == "GET" else 422
        return render(request, "portal/verification_confirm.html", content, status=status)
    result = operations.confirm_principal(
        token=token, replaced=form.answered(REPLACE), kept=form.answered(KEEP), at=now
    )
    forget_link_token(request, _name_link(pk))
    return render(
        request, "portal/verification_confirmed.html", {"result": result, "school_name": content["school_name"]}
    )
