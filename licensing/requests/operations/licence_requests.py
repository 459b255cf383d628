"""A school asks a collectivity for licences, and withdraws what it asked."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from accounts.models import Profile, User
from collectivities import audit_log
from collectivities.letter_days import schedule_weekly_letter
from collectivities.models import AuditEntry
from core.calendar import date_in_paris
from licensing.catalogue.operations import get_licence_product
from licensing.entitlements.models import Seat
from licensing.requests import events, limits, notifications
from licensing.requests.candidates import list_collectivities_to_ask
from licensing.requests.exceptions import (
    BadRequestUnits,
    NoCollectivityToAsk,
    RequestAnswered,
    RequestOpenAlready,
    SchoolYearNotAsked,
    UnknownRequest,
)
from licensing.requests.models import MAX_UNITS, LicenceRequest, LicenceRequestEnd
from licensing.requests.operations.sentences import check_names_nobody, clean_sentence
from licensing.requests.operations.teacher_requests import check_leads
from licensing.requests.school_years import list_years_to_ask
from licensing.requests.wording import describe_asked
from schools.models import School
from schools.wording import format_school_name
from webhooks import operations as webhooks

#: Actions of the journal; the object is the request.
CREATED, WITHDRAWN, ACCEPTED, REFUSED = (
    f"requests.{event}" for event in ("created", "withdrawn", "accepted", "refused")
)
OBJECT_TYPE = "licence_request"


@transaction.atomic
def ask_collectivity(
    *, uai: str, collectivity_id: int, school_year: int, units: int, reason: str, by: User, at: datetime.datetime
) -> LicenceRequest:
    """Ask a collectivity for licences in a school's name; its managers are told.

    Raises `NotPrincipalOfSchool`, `NoCollectivityToAsk`, `SchoolYearNotAsked`, `BadRequestUnits`,
    `BadRequestSentence`, `RequestOpenAlready` and `TooManyLicenceRequests`.
    """
    check_leads(by, uai)
    school = School.objects.get(pk=uai)
    collectivity = next((one for one in list_collectivities_to_ask(school) if one.pk == collectivity_id), None)
    if collectivity is None:
        raise NoCollectivityToAsk("Choisissez la collectivité dans la liste.")
    if school_year not in list_years_to_ask(date_in_paris(at)):
        raise SchoolYearNotAsked("Choisissez l'année scolaire dans la liste.")
    if not 1 <= units <= MAX_UNITS:
        raise BadRequestUnits(f"Demandez entre 1 et {MAX_UNITS} licences : une par classe.")
    sentence = clean_sentence(reason, required="Dites en une phrase pourquoi : la collectivité décide sur ce motif.")
    check_names_nobody(sentence, _list_teachers(uai))
    limits.count_request(limits.PER_SCHOOL, uai, at=at)
    try:
        with transaction.atomic():
            request = LicenceRequest.objects.create(
                school=school,
                collectivity=collectivity,
                product=get_licence_product(),
                school_year=school_year,
                units=units,
                reason=sentence,
                asked_by=by,
                created_at=at,
            )
    except IntegrityError as error:
        if "licence_request_open_once" not in str(error):
            raise
        raise RequestOpenAlready(
            "Votre école a déjà une demande en attente pour cette année scolaire. Pour en changer le nombre,"
            " retirez-la, puis demandez de nouveau."
        ) from None
    notifications.tell_office(request, "created", at)
    return request


@transaction.atomic
def withdraw_request(*, request_id: int, by: User, at: datetime.datetime) -> LicenceRequest:
    """Withdraw a school's request. Idempotent.

    Raises `UnknownRequest` (also where the school is not the user's), `NotPrincipalOfSchool` and `RequestAnswered`.
    """
    request = lock_school_request(request_id, by)
    if request.outcome == LicenceRequestEnd.WITHDRAWN:
        return request
    if request.granted_until is not None:
        raise RequestAnswered("Cette demande vient d'être accordée : la réponse vous parvient dans l'heure.")
    if not request.is_pending:
        raise RequestAnswered("Cette demande n'attend plus de réponse : elle a eu la sienne, ou l'année est finie.")
    end([request], LicenceRequestEnd.WITHDRAWN, at)
    notifications.tell_office(request, "withdrawn", at)
    return request


def lock_school_request(request_id: int, by: User) -> LicenceRequest:
    """Lock and return a request of a school that this user leads."""
    requests = LicenceRequest.objects.locked().select_related("collectivity", "school")
    request = requests.filter(pk=request_id, school__in=by.affiliations.values("school")).first()
    if request is None:
        raise UnknownRequest("Cette demande n'est pas celle de votre école : rechargez la page.")
    check_leads(by, request.school_id)
    return request


def end(requests: Sequence[LicenceRequest], outcome: LicenceRequestEnd, at: datetime.datetime) -> None:
    """End requests that the caller has locked, and write their answers. One statement."""
    for request in requests:
        request.ended_at, request.outcome = at, outcome
    LicenceRequest.objects.bulk_update(requests, ["ended_at", "outcome", "answer", "accepted_units", "key"])


@transaction.atomic
def note_request(*, request_id: int, event: str, at: datetime.datetime, emitted_at: datetime.datetime) -> None:
    """Record in the current office's journal what a school did, emit it, and have its managers told. Idempotent."""
    request = LicenceRequest.objects.select_related("school").filter(pk=request_id).first()
    action = f"requests.{event}"
    noted = (
        AuditEntry.objects.filter(school_id=request.school_id, action=action, object_id=request_id) if request else None
    )
    if request is None or noted is None or noted.exists():
        return
    verb = "demande" if event == "created" else "retire sa demande de"
    audit_log.record(
        action=action,
        by=None,
        at=at,
        summary=f"{format_school_name(request.school.name)} {verb} {describe_asked(request)}.",
        school_id=request.school_id,
        object_type=OBJECT_TYPE,
        object_id=request.pk,
    )
    webhooks.emit(events=[events.build_event(events.EVENT_TYPES[event], request)], at=at, emitted_at=emitted_at)
    if event == "created":
        notifications.queue_office_letter(emitted_at)
        schedule_weekly_letter(emitted_at)


def _list_teachers(uai: str) -> list[User]:
    """Return the teachers who chose the school, or hold one of its licences."""
    holders = Seat.objects.filter(subscription__school=uai, holder__isnull=False).values("holder")
    chosen = User.objects.filter(profile=Profile.TEACHER, affiliations__school=uai)
    return list(chosen.union(User.objects.filter(pk__in=holders)))
