"""Invitations of an office and of a school's teachers, by address and name, misspelt or not, and what became of them.

An office's are in its schema, and are read by one UNION; a name is found there in the address, as « aicha.benali@ ».
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib import messages
from django.db.models import F, OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Concat
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.second_factor import get_operator
from collectivities.models import Invitation
from collectivities.operations.members import format_roles, renew_invitation
from core import formatting
from core.exceptions import DomainError
from licensing.entitlements.wording import name_with_commune
from licensing.requests.invitations.models import TOPIC, InvitationEnd, TeacherInvitation
from mailing.models import LOST, UNSENT, Message, MessageState
from schools.models import Fold, School
from sites.back_office import name_search
from sites.back_office.name_search import MIN_LETTERS, build_near_pattern
from tenants.cross_schema import query_all
from tenants.models import Collectivity

#: Of one school: a page shows no more.
MAX_OF_SCHOOL = 100

_OFFICE_SQL = """
SELECT one.id, one.email, one.roles, one.created_at, one.expires_at, one.accepted_at, one.withdrawn_at,
  letter.state, letter.sent_at, {begins}
FROM (SELECT *, ' ' || public.fold(email) AS words FROM {{schema}}.collectivities_invitation) one
LEFT JOIN LATERAL (
  SELECT state, sent_at FROM {{schema}}.mailing_message
  WHERE topic = 'invitation' AND topic_id = one.id ORDER BY id DESC LIMIT 1
) letter ON true
WHERE {begins} OR ({alike})
ORDER BY one.id DESC LIMIT {limit}
"""


class InvitationDates(NamedTuple):
    """When an invitation was made, ends and was answered or taken back, and what became of its last letter."""

    created_at: datetime.datetime
    expires_at: datetime.datetime
    accepted_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    #: How it ended where nobody accepted it: « retirée ».
    end: str = ""
    letter_state: str | None = None
    letter_sent_at: datetime.datetime | None = None

    def describe(self, at: datetime.datetime) -> str:
        """Return in French what became of it: « en attente – envoyée le …, valable jusqu'au … »."""
        if self.accepted_at is not None:
            return f"acceptée le {_moment(self.accepted_at)} – {self._describe_letter()}"
        if self.ended_at is not None:
            return f"{self.end} le {_moment(self.ended_at)} – {self._describe_letter()}"
        if self.expires_at <= at:
            return f"expirée le {_moment(self.expires_at)} sans réponse – {self._describe_letter()}"
        return f"en attente – {self._describe_letter()}, valable jusqu'au {_moment(self.expires_at)}"

    def _describe_letter(self) -> str:
        if self.letter_state in LOST:
            return f"faite le {_moment(self.created_at)}, e-mail non remis"
        if self.letter_state in UNSENT:
            return f"faite le {_moment(self.created_at)}, e-mail pas encore parti"
        sent = "remise" if self.letter_state == MessageState.DELIVERED else "envoyée"
        return f"{sent} le {_moment(self.letter_sent_at or self.created_at)}"


@dataclass(frozen=True)
class FoundInvitation:
    """An invitation: to whom, as what and where, and what became of it. It has a `collectivity` or a `school`."""

    recipient: str
    email: str
    purpose: str
    place: str
    state: str
    pk: int
    collectivity: Collectivity | None = None
    school: School | None = None
    #: Who may send it again, where that is not the operator; empty if nobody needs to.
    resent_by: str = ""


def find_office_invitations(words: list[str], at: datetime.datetime) -> list[FoundInvitation]:
    """Return the invitations to offices whose address has these words, or else nearly, the latest of each first."""
    if not words:
        return []
    begins = " AND ".join("one.words LIKE %s" for _ in words)
    likes = [f"% {word}%" for word in words]
    alike, values = [], []
    for word in words:
        near = build_near_pattern(word)
        if len(word) < MIN_LETTERS:
            alike.append("one.words LIKE %s")
            values.append(f"% {word}%")
        elif near is None:
            alike.append("one.words %%>> %s")
            values.append(word)
        else:
            alike.append("(one.words %%>> %s OR one.words ~ %s)")
            values += [word, near]
    sql = _OFFICE_SQL.format(begins=begins, alike=" AND ".join(alike), limit=name_search.MAX_NAMED)
    rows = list(query_all(sql, [*likes, *likes, *values]))
    exact = [row for row in rows if row.values[-1]]
    return [_describe_office_row(row.collectivity, row.values, at) for row in exact or rows][: name_search.MAX_NAMED]


def find_teacher_invitations(words: list[str], at: datetime.datetime) -> list[FoundInvitation]:
    """Return the invitations of teachers whose name and address have these words, or else nearly, the latest first."""
    text = Concat(
        Value(" "), Fold(Concat("name", Value(" "), "email", output_field=TextField())), output_field=TextField()
    )
    found = name_search.find_rows(_select_teacher_invitations().order_by("-pk"), text, words)
    return [_describe_teacher(one, at) for one in found]


def list_school_invitations(school: School, at: datetime.datetime) -> list[FoundInvitation]:
    """Return the latest invitations of a school's teachers, those who have not answered first. One query."""
    invitations = _select_teacher_invitations().filter(subscription__school=school)
    waiting_first = invitations.order_by(F("ended_at").desc(nulls_first=True), "-pk")
    return [_describe_teacher(one, at) for one in waiting_first[:MAX_OF_SCHOOL]]


def _select_teacher_invitations() -> QuerySet[Any]:
    letters = Message.objects.filter(topic=TOPIC, topic_id=OuterRef("pk")).order_by("-pk")
    return (
        TeacherInvitation.objects.exclude(email="")
        .select_related("subscription__school", "invited_by")
        .annotate(
            letter_state=Subquery(letters.values("state")[:1]), letter_sent=Subquery(letters.values("sent_at")[:1])
        )
    )


def _describe_office_row(collectivity: Collectivity, values: Sequence[Any], at: datetime.datetime) -> FoundInvitation:
    pk, email, roles, created, expires, accepted, withdrawn, state, sent, _exact = values
    dates = InvitationDates(created, expires, accepted, withdrawn, "retirée", state, sent)
    return FoundInvitation(
        recipient=email,
        email=email,
        purpose=f"bureau, {format_roles(roles)}",
        place=str(collectivity),
        state=dates.describe(at),
        pk=pk,
        collectivity=collectivity,
    )


def _describe_teacher(invitation: Any, at: datetime.datetime) -> FoundInvitation:
    accepted = invitation.outcome == InvitationEnd.ACCEPTED
    dates = InvitationDates(
        invitation.created_at,
        invitation.expires_at,
        accepted_at=invitation.ended_at if accepted else None,
        ended_at=invitation.ended_at,
        end=invitation.get_outcome_display(),
        letter_state=invitation.letter_state,
        letter_sent_at=invitation.letter_sent,
    )
    school = invitation.subscription.school
    return FoundInvitation(
        recipient=str(invitation),
        email=invitation.email,
        purpose="licence d'enseignant",
        place=name_with_commune(school) if school else "",
        state=dates.describe(at),
        pk=invitation.pk,
        school=school,
        resent_by="" if accepted else f"la direction de l'école ({invitation.invited_by}), depuis « Mon compte »",
    )


def _moment(value: datetime.datetime) -> str:
    return formatting.long_moment(timezone.localtime(value))


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
            except DomainError:
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
