"""« Je dirige cet établissement »: the link to the school's official mailbox is asked for here, and leads here.

The link's page is public, as the link is the key: whoever reads the mailbox needs no account. Its secret stands in the
path, like that of our other letters; the house's `Referrer-Policy` tells no other site where somebody came from.
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
from schools.heads import operations as heads
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
    """Send the link to the official mailbox of one of the person's schools."""
    user = cast("User", request.user)
    uai = request.POST.get("uai", "")
    try:
        sent = heads.ask(
            uai=uai,
            by=user,
            served=Subscription.objects.filter(principal=user, school=uai).exists(),
            at=timezone.now(),
        )
    except HeadRefused as refusal:
        messages.error(request, str(refusal))
        answer = redirect("my_account")
        if isinstance(refusal, AskedTooOften):
            answer["Retry-After"] = str(refusal.retry_after)
        return answer
    messages.success(
        request,
        f"Un lien vient d'être envoyé à {sent.school.email} : ouvrez-le depuis cette boîte, ou demandez à qui la "
        "relève de le faire. Il vaut sept jours.",
    )
    return redirect("my_account")


class Heads(forms.Form):
    """What becomes of each of those who lead the school: a question for each, without an answer chosen beforehand."""

    def __init__(self, data: Any = None, *, newcomer: User, heads: Iterable[User]) -> None:
        super().__init__(data)
        for head in heads:
            self.fields[f"chef-{head.pk}"] = forms.ChoiceField(
                label=f"{head} dirige aujourd’hui l’établissement.",
                choices=[
                    (BESIDE, f"{newcomer} le dirige avec {head}."),
                    (INSTEAD, f"{newcomer} remplace {head}, qui ne le dirige plus."),
                ],
                widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
                error_messages={"required": "Choisissez l’une des deux réponses."},
            )

    def answered(self, answer: str) -> list[int]:
        """Return the numbers of the accounts for which this was answered, of a valid form."""
        return [int(name.removeprefix("chef-")) for name, given in self.cleaned_data.items() if given == answer]


@public_page
@never_cache
@sensitive_variables("token")
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Show who asks to lead the school, and what confirming opens; then confirm."""
    now = timezone.now()
    try:
        asked, _ = request_by_token(token, at=now)
        present = [head.user for head in verified_heads(asked.school_id)]
        form = Heads(request.POST if request.method == "POST" else None, newcomer=asked.user, heads=present)
        content: dict[str, Any] = {
            "asked": asked,
            "place": the_school(asked.school),
            "address": masked(asked.user.email),
            "form": form,
            "heads": present,
        }
        if request.method == "GET" or not form.is_valid():
            # 200 for an unanswered question, too: a 4xx writes its address, which still opens, in the server's log.
            return render(request, "pages/direction_confirm.html", content)
        done = handing_over.confirm(token=token, replaced=form.answered(INSTEAD), kept=form.answered(BESIDE), at=now)
    except HeadsHaveChanged as refusal:
        messages.error(request, str(refusal))
        return redirect("direction_confirm", token=token)
    except HeadLinkGone as refusal:
        return render(request, "pages/direction_gone.html", {"refusal": refusal}, status=410)
    return render(request, "pages/direction_confirmed.html", {"done": done, "place": content["place"]})
