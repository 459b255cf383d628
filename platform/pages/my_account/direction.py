"""« Je dirige cet établissement »: verify a principal by a link sent to the school's official mailbox.

The link's page is public: whoever reads the mailbox needs no account. The secret is part of the path, as in our other
e-mails; the site-wide `Referrer-Policy` keeps it from other sites.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from licensing.subscriptions import handing_over
from licensing.subscriptions.models import Subscription
from schools.heads import operations as principals
from schools.heads.exceptions import AskedTooOften, HeadLinkGone, HeadRefused, HeadsHaveChanged
from schools.heads.queries import request_by_token, verified_heads
from schools.heads.wording import masked, the_school
from web.access import public_page, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest, HttpResponse

    from accounts.models import User

BESIDE, INSTEAD = "avec", "remplace"


@signed_in
@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Send the link to the official mailbox of one of the user's schools."""
    user = cast("User", request.user)
    uai = request.POST.get("uai", "")
    try:
        sent = principals.ask(
            uai=uai,
            by=user,
            served=Subscription.objects.filter(principal=user, school=uai).exists(),
            at=timezone.now(),
        )
    except HeadRefused as refusal:
        messages.error(request, str(refusal))
        response = redirect("my_account")
        if isinstance(refusal, AskedTooOften):
            response["Retry-After"] = str(refusal.retry_after)
        return response
    messages.success(
        request,
        f"Un lien vient d'être envoyé à {sent.school.email} : ouvrez-le depuis cette boîte, ou demandez à qui la "
        "relève de le faire. Il vaut sept jours.",
    )
    return redirect("my_account")


class CurrentPrincipalsForm(forms.Form):
    """For each current principal, whether they stay or are replaced; no default answer."""

    def __init__(self, data: Any = None, *, newcomer: User, current: Iterable[User]) -> None:
        super().__init__(data)
        for principal in current:
            self.fields[f"chef-{principal.pk}"] = forms.ChoiceField(
                label=f"{principal} dirige aujourd’hui l’établissement.",
                choices=[
                    (BESIDE, f"{newcomer} le dirige avec {principal}."),
                    (INSTEAD, f"{newcomer} remplace {principal}, qui ne le dirige plus."),
                ],
                widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
                error_messages={"required": "Choisissez l’une des deux réponses."},
            )

    def answered(self, answer: str) -> list[int]:
        """Return the primary keys of the principals with this answer, of a valid form."""
        return [int(name.removeprefix("chef-")) for name, value in self.cleaned_data.items() if value == answer]


@public_page
@never_cache
@sensitive_variables("token")
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Show who asks to be verified as principal, and the consequences; then confirm."""
    now = timezone.now()
    try:
        verification_request, _ = request_by_token(token, at=now)
        current = [affiliation.user for affiliation in verified_heads(verification_request.school_id)]
        form = CurrentPrincipalsForm(
            request.POST if request.method == "POST" else None, newcomer=verification_request.user, current=current
        )
        content: dict[str, Any] = {
            "asked": verification_request,
            "place": the_school(verification_request.school),
            "address": masked(verification_request.user.email),
            "form": form,
            "heads": current,
        }
        if request.method == "GET" or not form.is_valid():
            # 200 for an invalid form, too: a 4xx would log the URL, whose link is still valid.
            return render(request, "pages/direction_confirm.html", content)
        result = handing_over.confirm(token=token, replaced=form.answered(INSTEAD), kept=form.answered(BESIDE), at=now)
    except HeadsHaveChanged as refusal:
        messages.error(request, str(refusal))
        return redirect("direction_confirm", token=token)
    except HeadLinkGone as refusal:
        return render(request, "pages/direction_gone.html", {"refusal": refusal}, status=410)
    return render(request, "pages/direction_confirmed.html", {"done": result, "place": content["place"]})
