"""A teacher asks the principals of their school for a licence."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from accounts.models import Profile, User
from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement, Subscription
from licensing.entitlements.queries import get_school_year
from licensing.requests import limits, notifications, queries
from licensing.requests.exceptions import (
    LicenceHeldAlready,
    NotATeacherOfTheSchool,
    NotPrincipalOfSchool,
    RequestAnswered,
    RequestOpenAlready,
    UnknownRequest,
)
from licensing.requests.models import TeacherRequest, TeacherRequestEnd
from licensing.requests.operations.sentences import clean_sentence
from licensing.requests.school_years import list_years_to_ask
from schools.models import Affiliation

_NOT_THEIRS = "Cette demande n'est pas celle d'un enseignant de votre école : rechargez la page."


@transaction.atomic
def ask_principal(*, uai: str, by: User, at: datetime.datetime) -> TeacherRequest:
    """Ask the principals of the teacher's school for a licence.

    Raises `NotATeacherOfTheSchool`, `LicenceHeldAlready`, `RequestOpenAlready` and `TooManyLicenceRequests`.
    """
    is_of_school = Affiliation.objects.filter(user=by, school=uai, school__isnull=False).exists()
    if by.profile != Profile.TEACHER or not is_of_school:
        raise NotATeacherOfTheSchool("Choisissez d'abord votre école dans l'annuaire, sous « Mon école ».")
    if queries.holds_licence(by, at=at):
        raise LicenceHeldAlready("Vous avez déjà une licence cette année : il n'y a rien à demander.")
    limits.count_request(limits.PER_TEACHER, str(by.pk), at=at)
    year = list_years_to_ask(date_in_paris(at))[0]
    try:
        with transaction.atomic():
            request = TeacherRequest.objects.create(teacher=by, school_id=uai, school_year=year, created_at=at)
    except IntegrityError as error:
        if "teacher_request_open_once" not in str(error):
            raise
        raise RequestOpenAlready(
            "Votre demande est déjà chez votre direction : elle la voit dans son compte."
        ) from None
    notifications.queue_school_letter(request, at)
    return request


@transaction.atomic
def withdraw_teacher_request(*, request_id: int, by: User, at: datetime.datetime) -> TeacherRequest:
    """Withdraw one's own request. Idempotent. Raises `UnknownRequest`, and `RequestAnswered` once it was answered."""
    request = TeacherRequest.objects.locked().filter(pk=request_id, teacher=by).first()
    if request is None:
        raise UnknownRequest("Cette demande n'existe pas : rechargez la page.")
    if request.outcome == TeacherRequestEnd.WITHDRAWN:
        return request
    _check_pending(request)
    _end(request, TeacherRequestEnd.WITHDRAWN, at)
    return request


@transaction.atomic
def refuse_teacher_request(*, request_id: int, sentence: str, by: User, at: datetime.datetime) -> TeacherRequest:
    """Refuse a teacher's request, perhaps with a sentence, and write to them.

    Raises `UnknownRequest` (also where it is another school's), `NotPrincipalOfSchool`, `RequestAnswered` and
    `BadRequestSentence`.
    """
    request = TeacherRequest.objects.locked().select_related("teacher").filter(pk=request_id).first()
    if request is None or not Affiliation.objects.filter(user=by, school=request.school_id).exists():
        raise UnknownRequest(_NOT_THEIRS)
    check_leads(by, request.school_id)
    answer = clean_sentence(sentence)
    _check_pending(request)
    request.answer, request.answered_by = answer, by
    _end(request, TeacherRequestEnd.REFUSED, at)
    notifications.notify_refused_teacher(request, at)
    return request


def check_leads(user: User, uai: str) -> None:
    """Raise `NotPrincipalOfSchool` unless the user is verified to lead the school."""
    led = Affiliation.objects.filter(user=user, school=uai, verified_at__isnull=False)
    if user.profile != Profile.PRINCIPAL or not led.exists():
        raise NotPrincipalOfSchool(
            "Votre direction de l'établissement n'est pas encore vérifiée : faites-la vérifier, puis recommencez."
        )


def answer_served(subscription: Subscription, teachers: Sequence[User], at: datetime.datetime) -> None:
    """End the requests of teachers who have just received a seat, in whatever way.

    Called in the transaction of the assignment, as a listener of `seat_holders`.
    """
    pending = TeacherRequest.objects.pending().filter(teacher__in=[teacher.pk for teacher in teachers])
    waiting = list(pending.locked().values_list("pk", "school_year"))
    if not waiting:
        return
    last_day = Entitlement.objects.filter(keys=subscription.key_id).values_list("last_day", flat=True).get()
    served = [pk for pk, year in waiting if year <= get_school_year(last_day)]
    TeacherRequest.objects.filter(pk__in=served).update(ended_at=at, outcome=TeacherRequestEnd.GIVEN)


def reopen(teachers: Sequence[User], assigned_at: datetime.datetime) -> None:
    """Have the requests wait again that an assignment had answered, as it was undone.

    Called in the transaction of the undoing. A teacher cannot have asked anew: they held a licence meanwhile.
    """
    given = TeacherRequest.objects.filter(
        teacher__in=[teacher.pk for teacher in teachers], outcome=TeacherRequestEnd.GIVEN, ended_at=assigned_at
    )
    TeacherRequest.objects.filter(pk__in=list(given.locked().values_list("pk", flat=True))).update(
        ended_at=None, outcome=""
    )


def _check_pending(request: TeacherRequest) -> None:
    if not request.is_pending:
        raise RequestAnswered("Cette demande n'attend plus de réponse : rechargez la page.")


def _end(request: TeacherRequest, outcome: TeacherRequestEnd, at: datetime.datetime) -> None:
    request.ended_at, request.outcome = at, outcome
    request.save(update_fields=["ended_at", "outcome", "answer", "answered_by"])
