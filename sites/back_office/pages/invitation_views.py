"""An invitation to an office: when it left, until when it holds, what became of it, and sending it again."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.second_factor import get_operator
from collectivities.exceptions import CollectivityError
from collectivities.models import Invitation
from collectivities.operations.members import format_roles, renew_invitation
from mailing.models import Message
from sites.back_office.invitation_search import InvitationDates
from tenants.models import Collectivity


def show_office_invitation(request: HttpRequest, collectivity_id: int, pk: int) -> HttpResponse:
    """Show an invitation to an office; by POST, send it again with a new link to the same address."""
    collectivity = get_object_or_404(Collectivity, pk=collectivity_id)
    now = timezone.now()
    with tenant_context(collectivity):
        invitation = Invitation.objects.filter(pk=pk).first()
        if invitation is None:
            raise Http404
        if request.method == "POST":
            try:
                renewed = renew_invitation(invitation_id=pk, by=get_operator(request), at=now)
            except CollectivityError:
                messages.error(request, "cette invitation n'attend plus de réponse : rien n'a été envoyé.")
                return redirect("admin:office_invitation", collectivity.pk, pk)
            messages.success(request, f"l'invitation repart à l'adresse {renewed.email}, avec un nouveau lien.")
            return redirect("admin:office_invitation", collectivity.pk, renewed.pk)
        letter = Message.objects.filter(topic="invitation", topic_id=pk).order_by("-pk").first()
    dates = InvitationDates(
        invitation.created_at,
        invitation.expires_at,
        invitation.accepted_at,
        invitation.withdrawn_at,
        "retirée ou remplacée",
        letter.state if letter else None,
        letter.sent_at if letter else None,
    )
    context = {
        "collectivity": collectivity,
        "invitation": invitation,
        "roles": format_roles(invitation.roles),
        "state": dates.describe(now),
        "reason": letter.explanation if letter and letter.is_lost else "",
        "is_pending": invitation.accepted_at is None and invitation.withdrawn_at is None,
    }
    return render(request, "back_office/office_invitation.html", context)
