"""A teacher removes a pupil."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.requests import AuthenticatedRequest
from licensing.classes import operations, overview
from licensing.classes.device_names import derive_name_keys
from licensing.classes.views.class_page import (
    STALE_PAGE,
    get_taught_class_or_404,
    redirect_to_class,
    render_class_page,
)
from licensing.exceptions import LicensingError
from web.access import signed_in


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
def remove(request: AuthenticatedRequest, pk: int, number: int) -> HttpResponse:
    """Ask for confirmation, then delete an account."""
    classroom = get_taught_class_or_404(request, pk)
    view, pupils = overview.get_class(classroom, request.user, at=timezone.now())
    pupil = next((one for one in pupils if one.number == number), None)
    state = overview.compute_roster_version(pupils)
    if request.method == "POST":
        if request.POST.get("etat") != state:
            return render_class_page(request, classroom, status=409, loaded=(view, pupils), refusal=STALE_PAGE)
        try:
            operations.remove_pupil(classroom_id=pk, number=number, by=request.user, at=timezone.now())
        except LicensingError as refusal:
            return render_class_page(request, classroom, status=409, loaded=(view, pupils), refusal=refusal)
        messages.success(request, f"le compte n° {number} est effacé. Sa place est libre.")
        return redirect_to_class(classroom)
    if pupil is None:
        raise Http404("No pupil has this number.")
    content = {
        "classroom": view.classroom,
        "pupil": pupil,
        "name_keys": derive_name_keys(classroom.pk),
        "state": state,
    }
    return render(request, "classes/remove.html", content)
