"""The page of a teacher's invitation: an account by a name and a password, or the one that they have.

The link was sent to the invited address, which it proves; its token is kept in the session (`web.link_page`).
"""

from typing import Any, cast

from allauth.account.utils import perform_login
from allauth.core.exceptions import ImmediateHttpResponse
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms import SignInForm
from accounts.passwords import describe_password_rules
from accounts.requests import AuthenticatedRequest
from core.calendar import date_in_paris
from core.contact_details import MAX_LENGTH
from core.exceptions import DomainError
from licensing.entitlements.models import Seat
from licensing.entitlements.wording import describe_start, format_until
from licensing.requests.invitations import operations
from licensing.requests.invitations.exceptions import InvitationRefused, MeantForAnotherAccount
from licensing.requests.invitations.models import TeacherInvitation, guess_name
from licensing.requests.invitations.operations import check_meant_for
from licensing.requests.invitations.queries import find_seat_of_spent, get_invitation_by_token, get_mailbox_accounts
from web.access import public_page, signed_in
from web.link_page import forget_link_token, get_link_token, keep_link_token, opens_link, sign_out_and_keep

#: Session key of the invitation at whose page a sign-in began, which a second factor may interrupt.
_SIGN_IN_KEY = "teacher_invitation"


class NewTeacherForm(forms.Form):
    """All that a new account asks of an invited teacher."""

    name = forms.CharField(
        label="Prénom et nom", max_length=MAX_LENGTH, widget=forms.TextInput({"autocomplete": "name"})
    )
    password = forms.CharField(
        label="Mot de passe",
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def __init__(self, data: Any = None, *, address: str, name: str = "") -> None:
        super().__init__(data, initial={"name": name})
        self.fields["password"].help_text = describe_password_rules("password", known=[address])


@public_page
@opens_link
@sensitive_variables("token")
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token in the session and redirect to the page without it."""
    try:
        invitation = get_invitation_by_token(token, at=timezone.now())
    except InvitationRefused as refusal:
        return _respond_refused(request, refusal, token)
    keep_link_token(request, _name_link(invitation.pk), token)
    return redirect("teacher_invitation_accept", pk=invitation.pk)


@public_page
@never_cache
@sensitive_variables("token")
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept an invitation whose link was opened: with the current account, or with a new one."""
    token = get_link_token(request, _name_link(pk))
    if token is None:
        return render(request, "portal/teacher_invitation_unopened.html", status=410)
    try:
        invitation = get_invitation_by_token(token, at=timezone.now())
        if request.user.is_authenticated:
            return _accept_signed_in(cast("AuthenticatedRequest", request), invitation, token)
        if request.method == "GET":
            return _render_page(request, invitation)
        form = NewTeacherForm(request.POST, address=invitation.email)
        seat = _create_account(form, token) if form.is_valid() else None
    except DomainError as refusal:
        return _respond_refused(request, refusal, token)
    if seat is None or (teacher := seat.holder) is None:
        return _render_page(request, invitation, form=form, status=422)
    forget_link_token(request, _name_link(pk))
    return perform_login(request, teacher, redirect_url=reverse("teacher_welcome", args=[seat.pk]))


@sensitive_variables("token")
def _accept_signed_in(request: AuthenticatedRequest, invitation: TeacherInvitation, token: str) -> HttpResponse:
    """Show what the signed-in account may do with the invitation, or do it. Raises a `DomainError`."""
    is_deliberate = request.session.get(_SIGN_IN_KEY) == invitation.pk
    if request.method == "POST":
        return _take_seat(request, invitation.pk, token, is_deliberate=is_deliberate)
    try:
        check_meant_for(invitation, request.user, deliberate=is_deliberate)
    except MeantForAnotherAccount as refusal:
        return _render_page(request, invitation, template="other_account", refusal=refusal)
    return _render_page(request, invitation, template="signed_in")


@sensitive_variables("token")
def _take_seat(request: AuthenticatedRequest, pk: int, token: str, *, is_deliberate: bool) -> HttpResponse:
    """Give the seat to the signed-in account. Raises a `DomainError`."""
    seat = operations.accept_invitation(token=token, by=request.user, at=timezone.now(), deliberate=is_deliberate)
    forget_link_token(request, _name_link(pk))
    request.session.pop(_SIGN_IN_KEY, None)
    return redirect("teacher_welcome", seat=seat.pk)


@public_page
@never_cache
@sensitive_variables("token")
@sensitive_post_parameters("password")
@require_POST
def sign_in(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign in with an account that exists, and accept with it, whatever its address: its holder does so on purpose."""
    token = get_link_token(request, _name_link(pk))
    if token is None or request.user.is_authenticated:
        return redirect("teacher_invitation_accept", pk=pk)
    try:
        return _sign_in(request, pk, token)
    except ImmediateHttpResponse as interruption:
        return interruption.response
    except MeantForAnotherAccount:
        # Signed in by now: the page says what this account cannot do.
        return redirect("teacher_invitation_accept", pk=pk)
    except DomainError as refusal:
        return _respond_refused(request, refusal, token)


@sensitive_variables("token")
def _sign_in(request: HttpRequest, pk: int, token: str) -> HttpResponse:
    invitation = get_invitation_by_token(token, at=timezone.now())
    form = _build_sign_in_form(request, request.POST)
    if not form.is_valid():
        return _render_page(request, invitation, sign_in_form=form, status=422)
    response = form.login(request, redirect_url=reverse("teacher_invitation_accept", args=[pk]))
    if request.user.is_authenticated:
        return _take_seat(cast("AuthenticatedRequest", request), pk, token, is_deliberate=True)
    # A second factor comes first; the page then asks for one click.
    request.session[_SIGN_IN_KEY] = pk
    return response


@public_page
@never_cache
@require_POST
def sign_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the current account out, and keep the invitation."""
    return sign_out_and_keep(request, _name_link(pk), page=reverse("teacher_invitation_accept", args=[pk]))


@signed_in
@never_cache
@require_safe
def welcome(request: AuthenticatedRequest, seat: int) -> HttpResponse:
    """Show the teacher their licence, their sign-in name and the next step."""
    held = get_object_or_404(
        Seat.objects.select_related("subscription__school", "subscription__key__entitlement__product"),
        pk=seat,
        holder=request.user,
    )
    entitlement, today = held.subscription.key.entitlement, date_in_paris(timezone.now())
    content = {
        "seat": held,
        # The account was made by the invitation: its sign-in name is news.
        "is_new": held.held_since is not None and request.user.date_joined >= held.held_since,
        "opens_class": entitlement.usable_on(today),
        "start": describe_start(entitlement, today),
        "until": format_until(entitlement, today),
    }
    return render(request, "portal/teacher_welcome.html", content)


def _name_link(pk: int) -> str:
    return f"teacher_invitation:{pk}"


@sensitive_variables("token")
def _respond_refused(request: HttpRequest, refusal: DomainError, token: str) -> HttpResponse:
    spent = refusal.code == "invitation_spent"
    own = find_seat_of_spent(token, request.user) if spent and request.user.is_authenticated else None
    content = {"refusal": refusal, "spent": spent, "own": own}
    return render(request, "portal/teacher_invitation_refused.html", content, status=410)


def _build_sign_in_form(request: HttpRequest, data: Any = None) -> SignInForm:
    """Return the sign-in form; two forms stand on the page, whose fields have identifiers of their own."""
    return SignInForm(data, request=request, auto_id="id_sign_in_%s")


def _render_page(
    request: HttpRequest, invitation: TeacherInvitation, *, template: str = "new", status: int = 200, **content: Any
) -> HttpResponse:
    entitlement = invitation.subscription.key.entitlement
    context: dict[str, Any] = {
        "invitation": invitation,
        "school": invitation.subscription.school,
        "until": format_until(entitlement, date_in_paris(timezone.now())),
    }
    if template == "new":
        accounts = get_mailbox_accounts(invitation)
        name = invitation.name or ("" if accounts.is_shared else guess_name(invitation.email))
        context |= {
            "accounts": accounts,
            "form": NewTeacherForm(address=invitation.email, name=name),
            "sign_in_form": _build_sign_in_form(request),
            # The way that was tried stands first, with what was wrong.
            "sign_in_first": "sign_in_form" in content or (accounts.of_teacher and "form" not in content),
        }
    return render(request, f"portal/teacher_invitation_{template}.html", context | content, status=status)


def _create_account(form: NewTeacherForm, token: str) -> Seat | None:
    """Create the account and accept; return None where the form is refused. Raises a `DomainError`."""
    try:
        return operations.accept_with_new_account(token=token, **form.cleaned_data, at=timezone.now())
    except ValidationError as error:
        for field, sentences in error.message_dict.items():
            for sentence in sentences:
                form.add_error(field if field in form.fields else None, sentence)
        return None
