"""A teacher's classes: list, open, rename, detail page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import AuthenticatedRequest
from licensing.classes import carry_offers, operations, overview, queries
from licensing.classes.forms import ClassNameForm, OpenClassForm
from licensing.classes.models import Classroom
from licensing.classes.views.class_page import (
    get_taught_class_or_404,
    redirect_to_class,
    render_class_page,
)
from licensing.classes.views.credentials import show_credentials
from licensing.entitlements.models import Seat
from licensing.exceptions import LicensingError
from web.access import signed_in


@signed_in
@require_GET
@never_cache
def my_classes(request: AuthenticatedRequest) -> HttpResponse:
    """List the user's classes, and the seats for which none is open."""
    now = timezone.now()
    views = overview.list_classes(request.user, at=now)
    seats = overview.list_seats_without_class(request.user, at=now)
    offers = carry_offers.list_offers(request.user, at=now, seats=seats)
    offered = carry_offers.list_offered_seats(offers)
    content = {
        "current": [view for view in views if not view.is_over],
        "past": [view for view in views if view.is_over],
        "invitations": queries.list_invitations(request.user, now),
        "seats": [seat for seat in seats if seat.pk not in offered],
        "offers": offers,
    }
    return render(request, "classes/list.html", content)


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
def open_class(request: AuthenticatedRequest, seat: int) -> HttpResponse:
    """Open the class of a seat that the user holds, with its pupils' accounts where a number of them is given.

    Redirect to the class where it is already open.
    """
    held = get_object_or_404(
        Seat.objects.select_related("subscription__school", "subscription__key__entitlement__product"),
        pk=seat,
        holder=request.user,
    )
    existing = Classroom.objects.filter(seat=held).first()
    if existing is not None:
        return redirect_to_class(existing)
    form = OpenClassForm(request.POST if request.method == "POST" else None)
    refusal = None
    if form.is_valid():
        try:
            classroom = operations.open_class(
                seat_id=held.pk, by=request.user, name=form.cleaned_data["name"], at=timezone.now()
            )
        except LicensingError as error:
            refusal = error
        else:
            return _fill_new_class(request, classroom, form.cleaned_data["count"])
    status = 409 if refusal else 422 if form.errors else 200
    return render(request, "classes/open.html", {"seat": held, "form": form, "refusal": refusal}, status=status)


def _fill_new_class(request: AuthenticatedRequest, classroom: Classroom, count: int | None) -> HttpResponse:
    """Create the accounts and show their passwords; without a number, show the class."""
    if count and not classroom.pupils.exists():
        try:
            credentials = operations.add_pupils(
                classroom_id=classroom.pk, count=count, by=request.user, at=timezone.now()
            )
        except LicensingError as refusal:
            messages.error(request, refusal.sentence)
            return redirect_to_class(classroom)
        return show_credentials(request, get_taught_class_or_404(request, classroom.pk), credentials, created=True)
    messages.success(request, f"la classe « {classroom.name} » est ouverte. Créez maintenant ses comptes élèves.")
    return redirect_to_class(classroom)


@signed_in
@require_GET
@never_cache
def detail(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show a class, its pupils and the available actions."""
    return render_class_page(request, get_taught_class_or_404(request, pk))


@signed_in
@require_POST
def mark_tries_read(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Remove the notice that many passwords were tried."""
    classroom = get_taught_class_or_404(request, pk)
    try:
        operations.mark_tries_read(classroom_id=pk, by=request.user, at=timezone.now())
    except LicensingError as refusal:
        return render_class_page(request, classroom, status=409, refusal=refusal)
    messages.success(request, "l’avertissement est retiré ; un autre viendra si l’on essaie encore.")
    return redirect_to_class(classroom)


@signed_in
@require_POST
def rename(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Rename the class."""
    classroom = get_taught_class_or_404(request, pk)
    form = ClassNameForm(request.POST)
    if not form.is_valid():
        return render_class_page(request, classroom, status=422, name_form=form)
    try:
        operations.rename(classroom_id=pk, by=request.user, name=form.cleaned_data["name"], at=timezone.now())
    except LicensingError as refusal:
        return render_class_page(request, classroom, status=409, refusal=refusal)
    messages.success(request, "le nouveau nom est enregistré.")
    return redirect("classes:detail", pk=pk)
