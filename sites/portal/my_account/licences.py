"""Views that redeem keys and assign or release licences; each makes one operation call.

htmx requests get the licences fragment; others are redirected to the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.client_ip import get_client_ip
from accounts.downloads import limit_downloads
from core.calendar import date_in_paris
from core.formatting import pluralize
from licensing.entitlements import key_entry, operations, overview, teacher_affiliations
from licensing.entitlements.exceptions import SchoolNotChosen, TooManyGuesses
from licensing.entitlements.models import Seat, Subscription
from licensing.entitlements.queries import administered_by, may_see_teachers_of
from licensing.entitlements.vouchers import render_vouchers
from licensing.entitlements.wording import describe_start
from licensing.exceptions import LicensingError
from sites.portal.my_account.page import SCHOOL_SESSION_KEY, get_licences_context, render_page
from web.access import signed_in

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.models import User
    from accounts.requests import AuthenticatedRequest
    from licensing.entitlements.seat_assignment import SeatAssignments


@signed_in
@require_POST
@sensitive_post_parameters("cle")
@sensitive_variables("code")
def enter_key(request: AuthenticatedRequest) -> HttpResponse:
    """Redeem the key for a principal, or claim one of its units for a teacher."""
    user = request.user
    code = request.POST.get("cle", "")[:200]
    try:
        entered = key_entry.enter_key(
            code=code,
            by=user,
            address=get_client_ip(request),
            at=timezone.now(),
            school=request.session.get(SCHOOL_SESSION_KEY) or None,
        )
    except SchoolNotChosen as refusal:
        return _respond_key_error(request, refusal, code, join=refusal.school)
    except LicensingError as refusal:
        return _respond_key_error(request, refusal, code)
    if isinstance(entered, Subscription):
        if entered.school_id:
            request.session[SCHOOL_SESSION_KEY] = entered.school_id
        sentence = (
            f"{pluralize(entered.size, 'licence')} pour votre établissement : il reste à les attribuer à vos"
            " enseignants."
        )
    else:
        start = _describe_start(entered)
        sentence = f"La licence est à vous : utilisable {start}." if start else "Votre licence est active."
    return _respond_success(request, sentence)


def _respond_key_error(
    request: AuthenticatedRequest, refusal: LicensingError, code: str, **context: object
) -> HttpResponse:
    content = {"key_refusal": refusal, "key_typed": code, **context}
    status = 429 if isinstance(refusal, TooManyGuesses) else 409
    if request.htmx:
        # htmx only swaps 409 in, so a rate limit is a 409 too.
        response = render(request, "portal/_licences.html", {**get_licences_context(request), **content}, status=409)
    else:
        response = render_page(request, status=status, **content)
    if isinstance(refusal, TooManyGuesses):
        response["Retry-After"] = str(refusal.retry_after)
    return response


@signed_in
@require_POST
def assign(request: AuthenticatedRequest) -> HttpResponse:
    """Assign a unit of the subscription to the teacher of the row, or to all ticked teachers."""
    user = request.user
    subscription_id = _parse_pk(request.POST.get("abonnement", ""))
    row = request.POST.get("enseignant")
    chosen = [_parse_pk(row)] if row is not None else [_parse_pk(one) for one in request.POST.getlist("enseignants")]
    try:
        assigned = operations.assign_many(
            subscription_id=subscription_id, teacher_ids=chosen, by=user, at=timezone.now()
        )
    except LicensingError as refusal:
        return _respond_error(request, refusal, ticked=set(chosen) if row is None else set(), chosen=subscription_id)
    return _respond_success(request, _describe_assignment(assigned, user))


def _describe_assignment(assigned: SeatAssignments, user: User) -> str:
    start = _describe_start(assigned.seats[0])
    if len(assigned.seats) == 1:
        person = assigned.seats[0].holder
        active = f"utilisable {start}" if start else "active"
        sentence = f"La clé est attribuée à {'vous-même' if person == user else person} : la licence est {active}."
    else:
        active = f"utilisables {start}" if start else "actives"
        sentence = (
            f"La clé est attribuée à {len(assigned.seats)} enseignants : leurs licences sont {active}, et un e-mail "
            "informe chacun d'eux."
        )
    if not assigned.already:
        return sentence
    names = ", ".join(str(teacher) for teacher in assigned.already)
    return f"{sentence} {'Détenait' if len(assigned.already) == 1 else 'Détenaient'} déjà une licence : {names}."


def _describe_start(seat: Seat) -> str:
    return describe_start(seat.subscription.key.entitlement, date_in_paris(timezone.now()))


@signed_in
@require_safe
@limit_downloads
def print_vouchers(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return a PDF of vouchers to hand out to teachers, one for each free unit."""
    subscription = get_object_or_404(
        Subscription.objects.filter(administered_by(request.user)).select_related(
            "school", "principal", "key__entitlement__product", "key__entitlement__collectivity"
        ),
        pk=pk,
    )
    try:
        return render_vouchers(subscription, by=request.user, at=timezone.now())
    except LicensingError as refusal:
        return _respond_error(request, refusal)


@signed_in
@require_POST
def join_teacher(request: AuthenticatedRequest) -> HttpResponse:
    """Affiliate a suggested teacher with the school, so that a licence can be assigned to them."""
    user = request.user
    try:
        affiliation = teacher_affiliations.attach_proposed_teacher(
            teacher_id=_parse_pk(request.POST.get("enseignant", "")),
            uai=request.POST.get("uai", ""),
            by=user,
            at=timezone.now(),
        )
    except LicensingError as refusal:
        return _respond_error(request, refusal)
    return _respond_success(
        request, f"{affiliation.user} fait partie de vos enseignants, et en est informé par e-mail."
    )


@signed_in
@require_http_methods(["GET", "POST"])
def release(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show the consequences and ask for confirmation; then release the seat, or pass it to a successor."""
    user = request.user
    if request.method == "GET":
        return _render_release_page(request, user, pk)
    holder, successor = _parse_pk(request.POST.get("enseignant", "")), request.POST.get("successeur", "")
    try:
        if successor:
            seat = operations.replace(
                seat_id=pk, holder_id=holder, successor_id=_parse_pk(successor), by=user, at=timezone.now()
            )
            return _respond_success(request, f"La licence et sa classe passent à {seat.holder}.")
        operations.release(seat_id=pk, holder_id=holder, by=user, at=timezone.now())
    except LicensingError as refusal:
        return _respond_error(request, refusal)
    return _respond_success(request, "La licence est retirée et redevient disponible.")


def _render_release_page(request: AuthenticatedRequest, user: User, pk: int) -> HttpResponse:
    seat = get_object_or_404(
        Seat.objects.held().select_related("holder", "subscription__key__entitlement__product", "subscription__school"),
        pk=pk,
        subscription__in=Subscription.objects.filter(administered_by(user)),
    )
    is_own = seat.holder_id == user.pk
    sees_teachers = may_see_teachers_of(user, seat.subscription)
    successors = overview.list_successors(seat) if sees_teachers else ()
    content = {"seat": seat, "own": is_own, "named": is_own or sees_teachers, "successors": successors}
    return render(request, "portal/my_account_release.html", content)


def _respond_success(request: AuthenticatedRequest, sentence: str) -> HttpResponse:
    if request.htmx:
        return render(request, "portal/_licences.html", {**get_licences_context(request), "done": sentence})
    messages.success(request, sentence)
    return redirect("my_account")


def _respond_error(request: AuthenticatedRequest, refusal: LicensingError, **context: object) -> HttpResponse:
    content = {"refusal": refusal, **context}
    if request.htmx:
        return render(request, "portal/_licences.html", {**get_licences_context(request), **content}, status=409)
    # No redirect, to keep the ticked boxes.
    return render_page(request, status=409, **content)


def _parse_pk(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 19):  # noqa: PLR2004 - what a bigint holds
        raise Http404("No number.")
    return int(value)
