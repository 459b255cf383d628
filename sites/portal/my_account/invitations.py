"""Views that invite teachers by their addresses, remind them, and cancel invitations, each with one operation."""

from dataclasses import replace

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.requests import AuthenticatedRequest
from core.exceptions import DomainError
from core.formatting import join_words
from core.text_templates import read_text_template
from licensing.entitlements.exceptions import NoSeatLeft
from licensing.requests.invitations import operations
from licensing.requests.invitations.exceptions import BadAddresses
from licensing.requests.invitations.models import TeacherInvitation
from licensing.requests.invitations.operations import InvitationResult
from sites.portal.my_account.page import INVITE_FORM, Notice, parse_pk, refuse, respond
from web.access import signed_in
from web.page_actions import page_action


def _refuse_row(request: AuthenticatedRequest, refusal: DomainError) -> HttpResponse:
    """Say why nothing was done, beside the invited person."""
    return refuse(request, refusal, row=f"i{request.POST.get('relancer') or request.POST.get('invitation')}")


def _refuse_list(request: AuthenticatedRequest, refusal: DomainError) -> HttpResponse:
    bad_lines, understood = (refusal.lines, refusal.understood) if isinstance(refusal, BadAddresses) else ((), 0)
    return refuse(
        request,
        refusal,
        row=INVITE_FORM,
        addresses=request.POST.get("adresses", ""),
        bad_lines=bad_lines,
        understood=understood,
        inviting=True,
        chosen=parse_pk(request.POST.get("abonnement", "")),
        wants_more=isinstance(refusal, NoSeatLeft),
    )


@signed_in
@require_POST
@page_action(refused=_refuse_list)
def invite(request: AuthenticatedRequest) -> HttpResponse:
    """Invite the teachers of a pasted list; lines that cannot be read are shown, or skipped if the user says so."""
    result = operations.invite_teachers(
        subscription_id=parse_pk(request.POST.get("abonnement", "")),
        addresses=request.POST.get("adresses", ""),
        by=request.user,
        at=timezone.now(),
        skip_bad_lines="passer" in request.POST,
    )
    return respond(request, replace(_build_notice(result), inviting=True))


@signed_in
@require_POST
@page_action(refused=_refuse_row)
def invite_again(request: AuthenticatedRequest) -> HttpResponse:
    """Invite anew the person of an invitation that ended without an answer."""
    pk, subscription_id = map(parse_pk, [request.POST.get(name, "") for name in ("invitation", "abonnement")])
    result = operations.invite_again(
        invitation_id=pk, subscription_id=subscription_id, by=request.user, at=timezone.now()
    )
    return respond(request, _build_notice(result))


def _build_notice(result: InvitationResult) -> Notice:
    """Return what became of the list, beside the one person it is about if there is one."""
    rows = [
        *(f"i{one.pk}" for one in (*result.invitations, *result.waiting)),
        *(f"t{seat.holder_id}" for seat in result.seats),
        *(f"t{teacher.pk}" for teacher in result.already),
    ]
    remindable = [one for one in result.waiting if one.may_be_reminded_at(timezone.now())]
    return Notice(
        sentence=_describe_result(result),
        row=rows[0] if len(rows) == 1 else "",
        waiting=remindable[0].pk if len(remindable) == len(result.waiting) == 1 else 0,
    )


def _describe_result(result: InvitationResult) -> str:
    """Return sentences that leave out nobody of the list, and say when a reminder is possible."""
    now = timezone.now()
    context = {
        "result": result,
        "holders": join_words([str(seat.holder) for seat in result.seats]),
        "already": join_words([str(teacher) for teacher in result.already]),
        "waiting": join_words([_name_with_address(invitation) for invitation in result.waiting]),
        "is_remindable": any(invitation.may_be_reminded_at(now) for invitation in result.waiting),
    }
    return "".join(read_text_template("portal/sentences/invited.txt", context)[""])


def _name_with_address(invitation: TeacherInvitation) -> str:
    return f"{invitation} ({invitation.email})" if invitation.name else invitation.email


@signed_in
@require_POST
@page_action(refused=_refuse_row)
def remind(request: AuthenticatedRequest) -> HttpResponse:
    """E-mail an invited person again."""
    pk = parse_pk(request.POST.get("relancer", ""))
    invitation = operations.remind_invitation(invitation_id=pk, by=request.user, at=timezone.now())
    return respond(request, Notice(sentence=f"L'invitation repart à {invitation.email}.", row=f"i{pk}"))


@signed_in
@require_POST
@page_action(refused=_refuse_row)
def recall(request: AuthenticatedRequest) -> HttpResponse:
    """Cancel an invitation: its licence is free again, and the person stays in the list."""
    pk = parse_pk(request.POST.get("invitation", ""))
    invitation = operations.recall_invitation(invitation_id=pk, by=request.user, at=timezone.now())
    sentence = (
        f"L'invitation de {invitation} est annulée : son lien n'ouvre plus rien, et la licence est libre. Vous pouvez "
        "la rétablir jusqu'à demain, tant qu'une licence reste libre."
    )
    return respond(request, Notice(sentence=sentence, row=f"i{pk}"))


@signed_in
@require_POST
@page_action(refused=_refuse_row)
def undo_recall(request: AuthenticatedRequest) -> HttpResponse:
    """Have an invitation that was cancelled less than a day ago wait again: « Rétablir »."""
    pk = parse_pk(request.POST.get("invitation", ""))
    invitation = operations.undo_recall(invitation_id=pk, by=request.user, at=timezone.now())
    sentence = f"L'invitation de {invitation} est rétablie : une licence lui est réservée, et son lien fonctionne."
    return respond(request, Notice(sentence=sentence, row=f"i{pk}"))


@signed_in
@require_POST
@page_action(refused=_refuse_row)
def forget(request: AuthenticatedRequest) -> HttpResponse:
    """Take a person who did not answer off the list, with their address."""
    pk = parse_pk(request.POST.get("invitation", ""))
    invitation = operations.forget_invited_person(invitation_id=pk, by=request.user)
    return respond(request, Notice(sentence=f"{_name_with_address(invitation)} n'est plus dans la liste."))
