"""Typing a key, giving it, taking it back: each view makes one operation call.

With htmx the part about licences alone is sent back; without scripts the whole page, after a redirection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.addresses import client_address
from accounts.models import User
from licensing.exceptions import Refused
from licensing.subscriptions import entry, joining, operations
from licensing.subscriptions.exceptions import SchoolNotChosen, TooManyGuesses
from licensing.subscriptions.models import Seat, Subscription
from licensing.subscriptions.queries import administers, administers_teachers_of
from pages.my_account.views import SCHOOL, licences, page
from web.access import signed_in
from web.typography import plural

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@signed_in
@require_POST
@sensitive_post_parameters("cle")
@sensitive_variables("code")
def enter_key(request: HttpRequest) -> HttpResponse:
    """Credit the key to the principal, or one of its units to the teacher, who typed it."""
    user = cast("User", request.user)
    code = request.POST.get("cle", "")[:200]
    try:
        done = entry.enter(
            code=code,
            by=user,
            address=client_address(request),
            at=timezone.now(),
            school=request.session.get(SCHOOL) or None,
        )
    except SchoolNotChosen as refusal:
        return _key_refused(request, refusal, code, join=refusal.school)
    except Refused as refusal:
        return _key_refused(request, refusal, code)
    if isinstance(done, Subscription):
        if done.school_id:
            request.session[SCHOOL] = done.school_id
        said = f"{plural(done.size, 'licence')} pour votre établissement : il reste à les attribuer à vos enseignants."
    else:
        said = "Votre licence est active."
    return _done(request, said)


def _key_refused(request: HttpRequest, refusal: Refused, code: str, **offer: object) -> HttpResponse:
    content = {"key_refusal": refusal, "key_typed": code, **offer}
    status = 429 if isinstance(refusal, TooManyGuesses) else 409
    if request.htmx:  # type: ignore[attr-defined]
        # htmx shows 409 in place; a limit is told like any refusal.
        answer = render(request, "pages/_licences.html", {**licences(request), **content}, status=409)
    else:
        answer = page(request, status=status, **content)
    if isinstance(refusal, TooManyGuesses):
        answer["Retry-After"] = str(refusal.retry_after)
    return answer


@signed_in
@require_POST
def assign(request: HttpRequest) -> HttpResponse:
    """Give the teacher a unit of the subscription."""
    user = cast("User", request.user)
    teacher = User.objects.filter(pk=_number(request, "enseignant")).first()
    if teacher is None:
        raise Http404("No such teacher.")
    try:
        operations.assign(subscription_id=_number(request, "abonnement"), teacher=teacher, by=user, at=timezone.now())
    except Refused as refusal:
        return _refused(request, refusal)
    return _done(
        request, f"La clé est attribuée à {'vous-même' if teacher == user else teacher} : la licence est active."
    )


@signed_in
@require_POST
def join_teacher(request: HttpRequest) -> HttpResponse:
    """Count a proposed teacher among those of the school; his key is then one more click."""
    user = cast("User", request.user)
    try:
        affiliation = joining.join(
            teacher_id=_number(request, "enseignant"),
            uai=request.POST.get("uai", ""),
            by=user,
            at=timezone.now(),
        )
    except Refused as refusal:
        return _refused(request, refusal)
    return _done(request, f"{affiliation.user} fait partie de vos enseignants, et en est informé par e-mail.")


@signed_in
@require_http_methods(["GET", "POST"])
def release(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to take the unit back, saying what will happen; then do it."""
    user = cast("User", request.user)
    if request.method == "GET":
        seat = get_object_or_404(
            Seat.objects.held().select_related("holder", "subscription__key__source__product", "subscription__school"),
            pk=pk,
            subscription__in=Subscription.objects.filter(administers(user)),
        )
        named = seat.holder_id == user.pk or administers_teachers_of(user, seat.subscription)
        return render(request, "pages/my_account_release.html", {"seat": seat, "named": named})
    try:
        operations.release(seat_id=pk, holder_id=_number(request, "enseignant"), by=user, at=timezone.now())
    except Refused as refusal:
        return _refused(request, refusal)
    return _done(request, "La licence est retirée et redevient disponible.")


def _done(request: HttpRequest, sentence: str) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "pages/_licences.html", {**licences(request), "done": sentence})
    messages.success(request, sentence)
    return redirect("my_account")


def _refused(request: HttpRequest, refusal: Refused) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "pages/_licences.html", {**licences(request), "refusal": refusal}, status=409)
    messages.error(request, refusal.sentence)
    return redirect("my_account")


def _number(request: HttpRequest, name: str) -> int:
    value = request.POST.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) < 19):  # noqa: PLR2004 - what a bigint holds
        raise Http404(f"{name} is no number.")
    return int(value)
