"""Views that invite teachers by their addresses, remind them, and take invitations back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.views.decorators.http import require_POST

from core.formatting import join_words, pluralize
from licensing.exceptions import LicensingError
from licensing.invitations import operations
from licensing.invitations.exceptions import BadAddresses, TooManyTeachersInvited
from sites.portal.my_account.notices import Notice
from sites.portal.my_account.page import INVITE_FORM
from sites.portal.my_account.responses import parse_pk, refuse, respond
from web.access import signed_in

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.requests import AuthenticatedRequest
    from licensing.invitations.operations import InvitationResult


@signed_in
@require_POST
def invite(request: AuthenticatedRequest) -> HttpResponse:
    """Invite the teachers of a pasted list; lines that cannot be read are shown, or skipped if the user says so."""
    addresses = request.POST.get("adresses", "")
    subscription_id = parse_pk(request.POST.get("abonnement", ""))
    try:
        result = operations.invite_teachers(
            subscription_id=subscription_id,
            addresses=addresses,
            by=request.user,
            at=timezone.now(),
            skip_bad_lines="passer" in request.POST,
        )
    except LicensingError as refusal:
        return _refuse_list(request, refusal, addresses, subscription_id)
    invited = result.invitations
    row = f"i{invited[0].pk}" if len(invited) == 1 and not result.seats else ""
    return respond(request, Notice(sentence=_describe_result(result), row=row))


def _refuse_list(
    request: AuthenticatedRequest, refusal: LicensingError, addresses: str, subscription_id: int
) -> HttpResponse:
    bad_lines = refusal.lines if isinstance(refusal, BadAddresses) else ()
    response = refuse(
        request,
        refusal,
        row=INVITE_FORM,
        addresses=addresses,
        bad_lines=bad_lines,
        inviting=True,
        chosen=subscription_id,
    )
    if isinstance(refusal, TooManyTeachersInvited):
        response["Retry-After"] = str(refusal.retry_after)
    return response


def _describe_result(result: InvitationResult) -> str:
    """Return a sentence that leaves out nobody of the list."""
    parts = []
    if len(result.invitations) == 1:
        parts.append(f"Une invitation part à {result.invitations[0].email} : une licence lui est réservée.")
    elif result.invitations:
        parts.append(f"{len(result.invitations)} invitations partent : une licence est réservée à chaque personne.")
    if result.seats:
        names = join_words([str(seat.holder) for seat in result.seats])
        given = "La licence est donnée" if len(result.seats) == 1 else "Une licence est donnée"
        parts.append(f"{given} à {names}, qui {'a' if len(result.seats) == 1 else 'ont'} déjà un compte.")
    if result.already:
        parts.append(f"Déjà servi : {join_words([str(teacher) for teacher in result.already])}.")
    if result.waiting:
        parts.append(f"Déjà invité : {join_words([str(one) for one in result.waiting])}.")
    if result.bad_lines:
        parts.append(f"{pluralize(len(result.bad_lines), 'ligne passée', 'lignes passées')}.")
    return " ".join(parts)


@signed_in
@require_POST
def remind(request: AuthenticatedRequest) -> HttpResponse:
    """E-mail an invited person again."""
    pk = parse_pk(request.POST.get("relancer", ""))
    try:
        invitation = operations.remind_invitation(invitation_id=pk, by=request.user, at=timezone.now())
    except LicensingError as refusal:
        return refuse(request, refusal, row=f"i{pk}")
    return respond(request, Notice(sentence=f"L'invitation repart à {invitation.email}.", row=f"i{pk}"))


@signed_in
@require_POST
def recall(request: AuthenticatedRequest) -> HttpResponse:
    """Take an invitation back: its licence is free again."""
    pk = parse_pk(request.POST.get("reprendre", ""))
    try:
        invitation = operations.recall_invitation(invitation_id=pk, by=request.user, at=timezone.now())
    except LicensingError as refusal:
        return refuse(request, refusal, row=f"i{pk}")
    return respond(request, Notice(sentence=f"L'invitation de {invitation} est reprise : la licence est libre."))
