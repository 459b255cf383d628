"""Share a class with a second teacher: invite, accept, decline, end."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.requests import AuthenticatedRequest
from licensing.classes import operations
from licensing.classes.forms import ColleagueForm
from licensing.classes.views.class_page import (
    get_taught_class_or_404,
    redirect_to_class,
    render_class_page,
)
from licensing.exceptions import LicensingError
from web.access import signed_in


@signed_in
@require_POST
def invite(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Invite a second teacher; the answer is the same whether or not the username exists."""
    classroom = get_taught_class_or_404(request, pk)
    form = ColleagueForm(request.POST)
    if not form.is_valid():
        return render_class_page(request, classroom, status=422, colleague_form=form)
    try:
        operations.request_invitation(
            classroom_id=pk, username=form.cleaned_data["username"], by=request.user, at=timezone.now()
        )
    except LicensingError as refusal:
        return render_class_page(request, classroom, status=409, refusal=refusal, colleague_form=form)
    messages.success(
        request,
        "si cet identifiant est celui d’un enseignant, il reçoit votre invitation par e-mail et la trouve dans "
        "« Mes classes ». Il a une semaine pour l’accepter ; vous en serez informé.",
    )
    return redirect_to_class(classroom)


@signed_in
@require_POST
def end_sharing(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """End the sharing, withdraw the invitation, or leave a colleague's class."""
    classroom = get_taught_class_or_404(request, pk)
    is_holder = classroom.seat.holder_id == request.user.pk
    try:
        operations.end_sharing(classroom_id=pk, by=request.user, at=timezone.now())
    except LicensingError as refusal:
        return render_class_page(request, classroom, status=409, refusal=refusal)
    if is_holder:
        messages.success(request, "vous ne partagez plus cette classe, et une invitation en attente ne vaut plus rien.")
        return redirect_to_class(classroom)
    messages.success(request, f"vous avez quitté la classe « {classroom.name} ». Votre collègue en est informé.")
    return redirect("classes:list")


@signed_in
@require_POST
def accept(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Accept a colleague's invitation."""
    try:
        classroom = operations.accept(classroom_id=pk, by=request.user, at=timezone.now())
    except LicensingError as refusal:
        messages.error(request, refusal.sentence)
        return redirect("classes:list")
    messages.success(request, f"vous partagez désormais la classe « {classroom.name} ».")
    return redirect_to_class(classroom)


@signed_in
@require_POST
def decline(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Decline a colleague's invitation."""
    operations.decline(classroom_id=pk, by=request.user, at=timezone.now())
    messages.success(request, "l’invitation est écartée.")
    return redirect("classes:list")
