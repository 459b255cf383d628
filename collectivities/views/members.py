"""Members and invitations. All members may read; managers change."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.reauthentication import confirmed_recently
from collectivities.access import OfficeHttpRequest, office
from collectivities.exceptions import CollectivityError
from collectivities.forms import InvitationForm, RolesForm
from collectivities.models import Invitation, Member, Role
from collectivities.operations import members as operations
from collectivities.queries import list_accepted_invitations, list_members_by_name
from collectivities.token_list import count_valid_tokens


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
            "members": [(member, [Role(role).label for role in member.roles]) for member in list_members_by_name()],
            "invitations": [
                (invitation, [Role(role).label for role in invitation.roles], invitation.expires_at <= now)
                for invitation in pending
            ],
            "accepted": list_accepted_invitations(),
            "may_change": Role.MANAGER in request.member.roles,
        },
    )


@confirmed_recently()
@office(Role.MANAGER)
@require_http_methods(["GET", "POST"])
def invite(request: OfficeHttpRequest) -> HttpResponse:
    """Invite a person; a second invitation of the same address replaces the first."""
    form = InvitationForm(request.POST or None, initial={"email": request.GET.get("email", "")})
    if request.method == "POST" and form.is_valid():
        try:
            invitation = operations.invite(**form.cleaned_data, by=request.member.user, at=timezone.now())
        except CollectivityError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"l'invitation part à l'adresse {invitation.email}.")
            return redirect("members:list")
    return render(request, "collectivities/invite.html", {"form": form})


@office(Role.MANAGER)
@require_POST
def withdraw(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Withdraw a pending invitation."""
    get_object_or_404(Invitation, pk=pk)
    try:
        operations.withdraw_invitation(invitation_id=pk, by=request.member.user, at=timezone.now())
    except CollectivityError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "l'invitation est retirée, son lien n'ouvre plus rien.")
    return redirect("members:list")


@confirmed_recently()
@office(Role.MANAGER)
@require_http_methods(["GET", "POST"])
def roles(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Change a member's roles."""
    member = get_object_or_404(Member.objects.active(), pk=pk)
    form = RolesForm(request.POST or None, initial={"roles": member.roles})
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_roles(member_id=pk, **form.cleaned_data, by=request.member.user, at=timezone.now())
        except CollectivityError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"les rôles de {member.user} sont enregistrés.")
            return redirect("members:list")
    return render(request, "collectivities/roles.html", {"form": form, "person": member.user})


@office(Role.MANAGER)
@require_http_methods(["GET", "POST"])
def remove(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Confirm, then remove a member."""
    member = get_object_or_404(Member.objects.active(), pk=pk)
    if request.method == "GET":
        valid_tokens = count_valid_tokens(member.user, timezone.now())
        return render(request, "collectivities/remove.html", {"person": member.user, "tokens": valid_tokens})
    try:
        operations.remove_member(member_id=pk, by=request.member.user, at=timezone.now())
    except CollectivityError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{member.user} ne fait plus partie du bureau.")
        if member.user == request.member.user:
            return redirect("account_logout")
    return redirect("members:list")
