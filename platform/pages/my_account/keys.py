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
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.addresses import client_address
from licensing.exceptions import Refused
from licensing.subscriptions import entry, joining, operations, overview
from licensing.subscriptions.exceptions import SchoolNotChosen, TooManyGuesses
from licensing.subscriptions.models import Seat, Subscription
from licensing.subscriptions.queries import administers, administers_teachers_of
from licensing.subscriptions.slips import print_slips
from pages.my_account.views import SCHOOL, licences, page
from web.access import signed_in
from web.typography import plural

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import User
    from licensing.subscriptions.giving import Given


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
    """Give a unit of the subscription to the teacher of the row, or to all those who are ticked."""
    user = cast("User", request.user)
    subscription_id = _number(request.POST.get("abonnement", ""))
    row = request.POST.get("enseignant")
    chosen = [_number(row)] if row is not None else [_number(one) for one in request.POST.getlist("enseignants")]
    try:
        given = operations.assign_many(subscription_id=subscription_id, teacher_ids=chosen, by=user, at=timezone.now())
    except Refused as refusal:
        return _refused(request, refusal, ticked=set(chosen) if row is None else set(), chosen=subscription_id)
    return _done(request, _said_of(given, user))


def _said_of(given: Given, user: User) -> str:
    if len(given.seats) == 1:
        person = given.seats[0].holder
        said = f"La clé est attribuée à {'vous-même' if person == user else person} : la licence est active."
    else:
        said = (
            f"La clé est attribuée à {len(given.seats)} enseignants : leurs licences sont actives, et un e-mail "
            "informe chacun d'eux."
        )
    if not given.already:
        return said
    names = ", ".join(str(teacher) for teacher in given.already)
    return f"{said} {'Détenait' if len(given.already) == 1 else 'Détenaient'} déjà une licence : {names}."


@signed_in
@require_safe
def slips(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the slips to hand out to teachers, as many as units are left: a sheet to print and cut."""
    subscription = get_object_or_404(
        Subscription.objects.filter(administers(cast("User", request.user))).select_related(
            "school", "principal", "key__source__product", "key__source__collectivity"
        ),
        pk=pk,
    )
    try:
        return print_slips(subscription, by=cast("User", request.user), at=timezone.now())
    except Refused as refusal:
        return _refused(request, refusal)


@signed_in
@require_POST
def join_teacher(request: HttpRequest) -> HttpResponse:
    """Count a proposed teacher among those of the school; his key is then one more click."""
    user = cast("User", request.user)
    try:
        affiliation = joining.join(
            teacher_id=_number(request.POST.get("enseignant", "")),
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
        return _ask_to_release(request, user, pk)
    holder, successor = _number(request.POST.get("enseignant", "")), request.POST.get("successeur", "")
    try:
        if successor:
            seat = operations.replace(
                seat_id=pk, holder_id=holder, successor_id=_number(successor), by=user, at=timezone.now()
            )
            return _done(request, f"La licence et sa classe passent à {seat.holder}.")
        operations.release(seat_id=pk, holder_id=holder, by=user, at=timezone.now())
    except Refused as refusal:
        return _refused(request, refusal)
    return _done(request, "La licence est retirée et redevient disponible.")


def _ask_to_release(request: HttpRequest, user: User, pk: int) -> HttpResponse:
    seat = get_object_or_404(
        Seat.objects.held().select_related("holder", "subscription__key__source__product", "subscription__school"),
        pk=pk,
        subscription__in=Subscription.objects.filter(administers(user)),
    )
    own = seat.holder_id == user.pk
    reaches = administers_teachers_of(user, seat.subscription)
    successors = overview.successors(seat) if reaches else ()
    content = {"seat": seat, "own": own, "named": own or reaches, "successors": successors}
    return render(request, "pages/my_account_release.html", content)


def _done(request: HttpRequest, sentence: str) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "pages/_licences.html", {**licences(request), "done": sentence})
    messages.success(request, sentence)
    return redirect("my_account")


def _refused(request: HttpRequest, refusal: Refused, **kept: object) -> HttpResponse:
    content = {"refusal": refusal, **kept}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "pages/_licences.html", {**licences(request), **content}, status=409)
    # Not a redirection: what was ticked stays ticked.
    return page(request, status=409, **content)


def _number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 19):  # noqa: PLR2004 - what a bigint holds
        raise Http404("No number.")
    return int(value)
