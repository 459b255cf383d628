"""The tabs « Mon profil » and « Mon école », and the views that change personal details and school affiliations."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import attempt_delays, personal_data, throttling
from accounts.forms import PersonForm
from accounts.models import Profile, User
from accounts.personal_data import update_personal_details
from accounts.queries import get_account_state
from accounts.requests import AuthenticatedRequest
from licensing.entitlements import operations
from schools import affiliations
from schools.queries import find_by_uai
from sites.portal.my_account.licences import enter_key
from sites.portal.my_account.page import SCHOOL_SESSION_KEY, render_profile_page, render_school_page
from sites.portal.school_fields import SchoolFields, is_search
from web.access import signed_in


@signed_in
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters()
def update_profile(request: AuthenticatedRequest) -> HttpResponse:
    """Show or save the personal details; a new address has to be confirmed, a new password requires the old one."""
    if request.method == "GET":
        return render_profile_page(request)
    # A copy: an invalid form must not change the name in the page's header.
    user = get_object_or_404(User, pk=request.user.pk)
    form = PersonForm(request.POST, instance=user)
    if not form.is_valid():
        return render_profile_page(request, status=422, person_form=form)
    password = form.cleaned_data["new_password"]
    try:
        update_personal_details(
            user=user,
            **{name: form.cleaned_data[name] for name in ("last_name", "first_name", "phone", "email", "new_password")},
            host=request.get_host(),
            at=timezone.now(),
        )
    except throttling.RateLimitExceeded as throttled:
        form.add_error("email", str(throttled))
        return render_profile_page(request, status=422, person_form=form)
    if password:
        # This session stays signed in; all others end.
        update_session_auth_hash(request, user)
        attempt_delays.remember(request, user)
    if password:
        messages.success(request, "Votre mot de passe est changé.")
    if not password or {"last_name", "first_name", "phone"} & set(form.changed_data):
        messages.success(request, "Vos informations sont enregistrées.")
    if form.changes_email:
        messages.info(request, _build_confirmation_notice(form.cleaned_data["email"], user))
    return redirect("my_account_person")


@signed_in
@require_POST
def update_pending_address(request: AuthenticatedRequest) -> HttpResponse:
    """Resend the confirmation of the pending address, or cancel the change."""
    user = request.user
    pending = get_account_state(user).new_address
    if request.POST.get("faire") == "renvoyer" and pending:
        try:
            personal_data.request_change(user=user, email=pending, host=request.get_host(), at=timezone.now())
        except throttling.RateLimitExceeded as throttled:
            messages.error(request, str(throttled))
        else:
            messages.success(request, _build_confirmation_notice(pending, user))
    elif request.POST.get("faire") == "garder" and personal_data.cancel_change(user=user):
        messages.success(request, f"Votre adresse reste {user.email}.")
    return redirect("my_account_person")


def _build_confirmation_notice(email: str, user: User) -> str:
    return (
        f"Un e-mail vient d'être envoyé à {email} : suivez son lien pour confirmer cette adresse. D'ici là, rien ne "
        f"change : vous vous connectez comme avant, et vos e-mails arrivent toujours à {user.email}."
    )


@signed_in
@require_http_methods(["GET", "POST"])
def choose_school(request: AuthenticatedRequest) -> HttpResponse:
    """Show the account's schools, or affiliate it with one: teachers have one, principals may have several."""
    user = request.user
    if request.method == "GET":
        return render_school_page(request) if user.profile != Profile.AGENT else redirect("my_account")
    if is_search(request.POST):
        return render_school_page(request, school_form=SchoolFields(initial=request.POST.dict()), school_open=True)
    form = SchoolFields(request.POST)
    if not form.is_valid():
        return render_school_page(request, status=422, school_form=form, school_open=True)
    now = timezone.now()
    if user.profile == Profile.TEACHER:
        operations.change_school(teacher=user, school=form.school, typed=form.typed, at=now)
    elif form.school is not None:
        affiliations.choose(user=user, school=form.school, at=now)
        request.session[SCHOOL_SESSION_KEY] = form.school.pk
    elif form.typed is not None:
        affiliations.set_typed(user=user, typed=form.typed, at=now)
    messages.success(request, "Votre établissement est enregistré.")
    return redirect("my_account_school")


@signed_in
@require_POST
@sensitive_post_parameters("cle")
def join_school(request: AuthenticatedRequest) -> HttpResponse:
    """Replace a school typed by hand with the directory's, then redeem the given key, if any."""
    user = request.user
    school = find_by_uai(request.POST.get("uai", ""))
    if school is None:
        raise Http404("No such school.")
    if user.profile == Profile.TEACHER:
        operations.change_school(teacher=user, school=school, typed=None, at=timezone.now())
    else:
        affiliations.choose(user=user, school=school, at=timezone.now())
        request.session[SCHOOL_SESSION_KEY] = school.pk
    messages.success(request, f"Votre compte est rattaché à {school}.")
    return enter_key(request) if request.POST.get("cle") else redirect("my_account_school")


@signed_in
def leave_school(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Ask for confirmation, then remove the account's affiliation with a school."""
    user = request.user
    affiliation = get_object_or_404(user.affiliations.select_related("school"), pk=pk)
    if request.method != "POST":
        return render(request, "portal/my_account_leave.html", {"affiliation": affiliation})
    affiliations.leave(user=user, affiliation_id=pk, at=timezone.now())
    request.session.pop(SCHOOL_SESSION_KEY, None)
    messages.success(request, f"Votre compte n'est plus rattaché à {affiliation}.")
    return redirect("my_account_school")
