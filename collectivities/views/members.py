"""Members and invitations. All members may read; managers change."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.reauthentication import confirmed_recently
from accounts.requests import AuthenticatedRequest
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.exceptions import InvitationGone, InvitedAtAnotherAddress
from collectivities.forms import InvitationForm, NewAccountForm, RolesForm
from collectivities.models import Invitation, Member, list_role_labels
from collectivities.operations import members as operations
from collectivities.operations.tokens import count_valid_tokens
from collectivities.queries import get_invitation_by_token, list_accepted_invitations, list_members_by_name
from web.access import public_page
from web.link_page import forget_link_token, get_link_token, keep_link_token, opens_link, sign_out_and_keep
from web.page_actions import RefusalsOn, page_action

# The page of an invitation link, on the office's host. The token authorises; no sign-in is required.
#
# The link's token is kept in the session (`web.link_page`, `web.link_page`).

_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def _respond_gone(request: HttpRequest, refusal: InvitationGone, **_arguments: object) -> HttpResponse:
    return render(request, "collectivities/invitation_gone.html", {"refusal": str(refusal)}, status=410)


@public_page
@opens_link
@sensitive_variables("token")
@page_action(refused=_respond_gone, errors=InvitationGone)
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token in the session and redirect to the page without it."""
    invitation = get_invitation_by_token(token, at=timezone.now())
    keep_link_token(request, _name_link(invitation.pk), token)
    return redirect("invitation_accept", pk=invitation.pk)


@public_page
@never_cache
@sensitive_variables("token")
@sensitive_post_parameters("password", "password_again")
@require_http_methods(["GET", "POST"])
@page_action(refused=_respond_gone, errors=InvitationGone)
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept an invitation whose link was opened, with the current account or a new one.

    Does not reveal whether an account exists for the invitation's address.
    """
    token = get_link_token(request, _name_link(pk))
    if token is None:
        return render(request, "collectivities/invitation_unopened.html", status=410)
    invitation = get_invitation_by_token(token, at=timezone.now())
    if request.user.is_authenticated:
        return _accept_signed_in(cast("AuthenticatedRequest", request), invitation, token)
    form = NewAccountForm(request.POST or None, address=invitation.email)
    if form.is_valid() and _join(request, form, token):
        forget_link_token(request, _name_link(pk))
        return redirect("home")
    return render(request, "collectivities/invitation.html", {"invitation": invitation, "form": form})


@sensitive_variables("token")
def _accept_signed_in(request: AuthenticatedRequest, invitation: Invitation, token: str) -> HttpResponse:
    """Show what the signed-in account may do with the invitation, or do it. Raises `InvitationGone`."""
    try:
        if request.method == "POST":
            operations.accept_invitation(token=token, by=request.user, at=timezone.now())
            forget_link_token(request, _name_link(invitation.pk))
            messages.success(request, "vous avez rejoint le bureau.")
            return redirect("home")
        operations.check_invited(invitation, request.user)
    except InvitedAtAnotherAddress as refusal:
        content = {"invitation": invitation, "refusal": refusal}
        status = 200 if request.method == "GET" else 409
        return render(request, "collectivities/invitation_other_account.html", content, status=status)
    return render(request, "collectivities/invitation.html", {"invitation": invitation})


@public_page
@never_cache
@require_POST
def sign_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the current account out, and keep the invitation."""
    return sign_out_and_keep(request, _name_link(pk), page=reverse("invitation_accept", args=[pk]))


def _name_link(pk: int) -> str:
    return f"invitation:{pk}"


def _join(request: HttpRequest, form: NewAccountForm, token: str) -> bool:
    """Create the account, join and sign in; return False where the form is invalid. Raises `InvitationGone`."""
    account = {field: value for field, value in form.cleaned_data.items() if field != "password_again"}
    try:
        member = operations.join_with_new_account(token=token, **account, at=timezone.now())
    except ValidationError as error:
        for field, sentences in error.message_dict.items():
            for sentence in sentences:
                form.add_error(field if field in form.fields else None, sentence)
        return False
    login(request, member.user, backend=_BACKEND)
    messages.success(
        request,
        f"votre compte est créé et vous avez rejoint le bureau. Votre identifiant est « {member.user.username} »"
        + (
            "."
            if member.user.username == account["username"].strip().lower()
            else " : celui que vous aviez choisi n'était pas libre."
        ),
    )
    return True


@office()
@require_GET
def members_list(request: OfficeHttpRequest) -> HttpResponse:
    """List members with their roles, pending invitations, and by whom others were accepted."""
    now = timezone.now()
    pending = Invitation.objects.pending().order_by("-created_at")
    return render(
        request,
        "collectivities/members.html",
        {
            "members": [(member, list_role_labels(member.roles)) for member in list_members_by_name()],
            "invitations": [
                (invitation, list_role_labels(invitation.roles), invitation.expires_at <= now) for invitation in pending
            ],
            "accepted": list_accepted_invitations(),
            "may_change": request.member.may(Capability.MANAGE_OFFICE),
        },
    )


@confirmed_recently()
@office(Capability.MANAGE_OFFICE)
@require_http_methods(["GET", "POST"])
@page_action("members:list")
def invite(request: OfficeHttpRequest) -> HttpResponse | str:
    """Invite a person; a second invitation of the same address replaces the first."""
    form = InvitationForm(request.POST or None, initial={"email": request.GET.get("email", "")})
    if form.is_valid():
        with RefusalsOn(form):
            invitation = operations.invite(**form.cleaned_data, by=request.member.user, at=timezone.now())
            return f"l'invitation part à l'adresse {invitation.email}."
    return render(request, "collectivities/invite.html", {"form": form})


@office(Capability.MANAGE_OFFICE)
@require_POST
@page_action("members:list")
def withdraw(request: OfficeHttpRequest, pk: int) -> str:
    """Withdraw a pending invitation."""
    get_object_or_404(Invitation, pk=pk)
    operations.withdraw_invitation(invitation_id=pk, by=request.member.user, at=timezone.now())
    return "l'invitation est retirée, son lien n'ouvre plus rien."


@confirmed_recently()
@office(Capability.MANAGE_OFFICE)
@require_http_methods(["GET", "POST"])
@page_action("members:list")
def roles(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Change a member's roles."""
    member = get_object_or_404(Member.objects.active(), pk=pk)
    form = RolesForm(request.POST or None, initial={"roles": member.roles})
    if form.is_valid():
        with RefusalsOn(form):
            operations.change_roles(member_id=pk, **form.cleaned_data, by=request.member.user, at=timezone.now())
            return f"les rôles de {member.user} sont enregistrés."
    return render(request, "collectivities/roles.html", {"form": form, "person": member.user})


@office(Capability.MANAGE_OFFICE)
@require_http_methods(["GET", "POST"])
@page_action("members:list")
def remove(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Confirm, then remove a member."""
    member = get_object_or_404(Member.objects.active(), pk=pk)
    if request.method == "GET":
        valid_tokens = count_valid_tokens(member.user, timezone.now())
        return render(request, "collectivities/remove.html", {"person": member.user, "tokens": valid_tokens})
    operations.remove_member(member_id=pk, by=request.member.user, at=timezone.now())
    words = f"{member.user} ne fait plus partie du bureau."
    if member.user == request.member.user:
        messages.success(request, words)
        return redirect("account_logout")
    return words
