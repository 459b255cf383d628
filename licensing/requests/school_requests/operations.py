"""Operations on requests: teachers ask their principals, schools ask a collectivity, which gives or refuses.

Each runs in one transaction. Lock order: school's request → pool → allocation → key → subscription → seat → teacher's
request. An exception leaves everything unchanged.
"""

import datetime
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from accounts import throttling
from accounts.models import Profile, User
from collectivities import audit_log
from collectivities.letters import schedule_weekly_letter
from collectivities.models import AuditEntry
from collectivities.queries import get_contact_emails
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from core.contact_details import check_no_address
from core.exceptions import DomainError, Refusal
from core.formatting import format_school_year
from licensing.catalogue.operations import get_last_day, get_licence_product
from licensing.entitlements.models import Entitlement, Seat, Subscription
from licensing.entitlements.queries import get_school_year
from licensing.pools import checks
from licensing.pools import operations as pools
from licensing.pools.models import Allocation, Pool
from licensing.requests.school_requests import emails, queries
from licensing.requests.school_requests.models import (
    MAX_REASON,
    MAX_UNITS,
    LicenceRequest,
    LicenceRequestEnd,
    MutedLetter,
    TeacherRequest,
    TeacherRequestEnd,
)
from licensing.requests.school_requests.queries import list_collectivities_to_ask, list_years_to_ask
from licensing.requests.school_requests.wording import describe_asked
from schools.folding import fold
from schools.models import Affiliation, School
from schools.wording import format_school_name
from webhooks import operations as webhooks
from webhooks.operations import NewEvent


class BadRequestUnits(DomainError):
    """The number of licences is none, or too large."""

    code = "invalid_units"


class BadRequestSentence(DomainError):
    """A reason is missing, too long, or names somebody."""

    code = "invalid_reason"


_TITLES = r"(?:m|mr|mme|mlle|monsieur|madame|mademoiselle|maitre|maitresse)"


def find_named_person(text: str, people: Iterable[User]) -> str:
    """Return the name of the first of these people whom the text names; empty where it names none.

    By first name and surname in either order, or by a title and the surname: a surname alone may be a word, « petit ».
    """
    words = f" {' '.join(re.findall(r'[a-z0-9]+', fold(text)))} "
    for person in people:
        first, last = _spell(person.first_name), _spell(person.last_name)
        if not last:
            continue
        if first and (f" {first} {last} " in words or f" {last} {first} " in words):
            return str(person)
        if re.search(rf" {_TITLES}(?: {re.escape(first)})? {re.escape(last)} ", words):
            return str(person)
    return ""


def _spell(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", fold(name)))


class RequestEvent(models.TextChoices):
    CREATED = "request.created", "Licences demandées par une école"
    WITHDRAWN = "request.withdrawn", "Demande retirée par l'école"
    ACCEPTED = "request.accepted", "Demande acceptée"
    REFUSED = "request.refused", "Demande refusée"


def build_event(kind: RequestEvent, request: LicenceRequest, **more: Any) -> NewEvent:
    """Return the event of a request: its number, school, school year and how many licences it asks for."""
    data = {
        "request": request.pk,
        "uai": request.school_id,
        "school_year": request.school_year,
        "units": request.units,
    }
    return NewEvent(kind, f"request:{request.pk}", data | more)


_DAY = datetime.timedelta(days=1)
PER_SCHOOL = throttling.RateLimit("request/school", 5, _DAY)
PER_TEACHER = throttling.RateLimit("request/teacher", 5, _DAY)


def count_request(limit: throttling.RateLimit, subject: str, *, at: datetime.datetime) -> None:
    """Count a request in the caller's transaction. Raises `Refusal`."""
    try:
        throttling.count_attempts([(limit, subject)], at=at)
    except throttling.RateLimitExceeded as throttled:
        raise Refusal(
            "too_many_licence_requests",
            f"Trop de demandes aujourd’hui : patientez {throttling.format_wait(throttled.wait)}, puis recommencez.",
        ) from None


def clean_sentence(text: str, *, required: str = "") -> str:
    """Return the text on one line. Raises `BadRequestSentence`; `required`: its message where nothing is written."""
    sentence = " ".join(text.split())
    if not sentence:
        if required:
            raise BadRequestSentence(required)
        return ""
    if len(sentence) > MAX_REASON:
        raise BadRequestSentence(f"{MAX_REASON} caractères au plus : ici, {len(sentence)}. Abrégez.")
    try:
        check_no_address(sentence)
    except ValidationError as error:
        raise BadRequestSentence(" ".join(error.messages)) from None
    return sentence


def check_names_nobody(sentence: str, people: Iterable[User]) -> None:
    """Raise `BadRequestSentence` where a sentence that leaves the school names one of its teachers."""
    if name := find_named_person(sentence, people):
        raise BadRequestSentence(
            f"Votre motif nomme {name} : la collectivité n'a pas à savoir de qui il s'agit. Écrivez combien de classes"
            " attendent, sans nommer personne."
        )


_ANSWERED = "Cette demande n'attend plus de réponse : rechargez la page."


@transaction.atomic
def ask_principal(*, uai: str, by: User, at: datetime.datetime) -> TeacherRequest:
    """Ask the principals of the teacher's school for a licence. Raises `Refusal`."""
    is_of_school = Affiliation.objects.filter(user=by, school=uai, school__isnull=False).exists()
    if by.profile != Profile.TEACHER or not is_of_school:
        raise Refusal("not_a_teacher", "Choisissez d'abord votre école dans l'annuaire, sous « Mon école ».")
    if queries.holds_licence(by, at=at):
        raise Refusal("licence_held", "Vous avez déjà une licence cette année : il n'y a rien à demander.")
    count_request(PER_TEACHER, str(by.pk), at=at)
    year = list_years_to_ask(date_in_paris(at))[0]
    try:
        with transaction.atomic():
            request = TeacherRequest.objects.create(teacher=by, school_id=uai, school_year=year, created_at=at)
    except IntegrityError as error:
        if "teacher_request_open_once" not in str(error):
            raise
        raise Refusal(
            "request_open", "Votre demande est déjà chez votre direction : elle la voit dans son compte."
        ) from None
    emails.queue_school_letter(request, at)
    return request


@transaction.atomic
def withdraw_teacher_request(*, request_id: int, by: User, at: datetime.datetime) -> TeacherRequest:
    """Withdraw one's own request. Idempotent. Raises `Refusal` once it was answered."""
    unknown = Refusal("unknown_request", "Cette demande n'existe pas : rechargez la page.")
    request = TeacherRequest.objects.filter(teacher=by).lock_one(request_id, unknown)
    request.withdraw(at, ended=Refusal("request_answered", _ANSWERED))
    return request


@transaction.atomic
def refuse_teacher_request(*, request_id: int, sentence: str, by: User, at: datetime.datetime) -> TeacherRequest:
    """Refuse a teacher's request, perhaps with a sentence, and write to them.

    Raises `Refusal` (`unknown_request` also where it is another school's) and `BadRequestSentence`.
    """
    unknown = "Cette demande n'est pas celle d'un enseignant de votre école : rechargez la page."
    own = TeacherRequest.objects.filter(school__in=by.affiliations.values("school")).select_related("teacher")
    request = own.lock_one(request_id, Refusal("unknown_request", unknown))
    check_leads(by, request.school_id)
    answer = clean_sentence(sentence)
    if not request.is_pending:
        raise Refusal("request_answered", _ANSWERED)
    request.end(TeacherRequestEnd.REFUSED, at, answer=answer, answered_by=by)
    emails.notify_refused_teacher(request, at)
    return request


def check_leads(user: User, uai: str) -> None:
    """Raise `Refusal` unless the user is verified to lead the school."""
    led = Affiliation.objects.filter(user=user, school=uai, verified_at__isnull=False)
    if user.profile != Profile.PRINCIPAL or not led.exists():
        raise Refusal(
            "not_principal",
            "Votre direction de l'établissement n'est pas encore vérifiée : faites-la vérifier, puis recommencez.",
        )


def fulfil_requests(subscription: Subscription, teachers: Sequence[User], at: datetime.datetime) -> None:
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

    Raises `BadRequestUnits`, `BadRequestSentence`, or `Refusal` (`unknown_collectivity`, `invalid_school_year`, …).
    """
    check_leads(by, uai)
    school = School.objects.get(pk=uai)
    collectivity = next((one for one in list_collectivities_to_ask(school) if one.pk == collectivity_id), None)
    if collectivity is None:
        raise Refusal("unknown_collectivity", "Choisissez la collectivité dans la liste.")
    if school_year not in list_years_to_ask(date_in_paris(at)):
        raise Refusal("invalid_school_year", "Choisissez l'année scolaire dans la liste.")
    if not 1 <= units <= MAX_UNITS:
        raise BadRequestUnits(f"Demandez entre 1 et {MAX_UNITS} licences : une par classe.")
    sentence = clean_sentence(reason, required="Dites en une phrase pourquoi : la collectivité décide sur ce motif.")
    check_names_nobody(sentence, _list_teachers(uai))
    count_request(PER_SCHOOL, uai, at=at)
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
        raise Refusal(
            "request_open",
            "Votre école a déjà une demande en attente pour cette année scolaire. Pour en changer le nombre,"
            " retirez-la, puis demandez de nouveau.",
        ) from None
    emails.notify_office(request, "created", at)
    return request


@transaction.atomic
def withdraw_request(*, request_id: int, by: User, at: datetime.datetime) -> LicenceRequest:
    """Withdraw a school's request. Idempotent.

    Raises `Refusal` (also where the school is not the user's).
    """
    request = lock_school_request(request_id, by)
    if request.granted_until is not None:
        raise Refusal(
            "request_answered", "Cette demande vient d'être accordée : la réponse vous parvient dans l'heure."
        )
    ended = "Cette demande n'attend plus de réponse : elle a eu la sienne, ou l'année est finie."
    if request.withdraw(at, ended=Refusal("request_answered", ended)):
        emails.notify_office(request, "withdrawn", at)
    return request


def lock_school_request(request_id: int, by: User) -> LicenceRequest:
    """Lock and return a request of a school that this user leads."""
    unknown = Refusal("unknown_request", "Cette demande n'est pas celle de votre école : rechargez la page.")
    own = LicenceRequest.objects.filter(school__in=by.affiliations.values("school"))
    request = own.select_related("collectivity", "school").lock_one(request_id, unknown)
    check_leads(by, request.school_id)
    return request


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
    webhooks.emit(events=[build_event(RequestEvent(f"request.{event}"), request)], at=at, emitted_at=emitted_at)
    if event == "created":
        emails.queue_office_letter(emitted_at)
        schedule_weekly_letter(emitted_at)


def _list_teachers(uai: str) -> list[User]:
    """Return the teachers who chose the school, or hold one of its licences."""
    holders = Seat.objects.filter(subscription__school=uai, holder__isnull=False).values("holder")
    chosen = User.objects.filter(profile=Profile.TEACHER, affiliations__school=uai)
    return list(chosen.union(User.objects.filter(pk__in=holders)))


#: More than what any request may be given.
MAX_GRANTED = 1000


class GrantedUnits(NamedTuple):
    """How many licences a request is to get."""

    request_id: int
    units: int


class AcceptedRequest(NamedTuple):
    """A request that was accepted, and the allocation that its licences went to."""

    request: LicenceRequest
    allocation_id: int


@transaction.atomic
def accept_requests(
    *, pool_id: int, grants: Sequence[GrantedUnits], by: User | None, at: datetime.datetime
) -> list[AcceptedRequest]:
    """Give each school its licences of one pool, as one gift, and answer the requests; write to those who asked.

    A school that has a key of the pool gets no second one: it grows. Raises `Refusal`, `BadRequestUnits`, and
    what `pools.allocate_many` raises, having changed nothing.
    """
    if not grants or any(not 1 <= grant.units <= MAX_GRANTED for grant in grants):
        raise BadRequestUnits(f"Donnez à chaque école entre 1 et {formatting.number(MAX_GRANTED)} licences.")
    requests = _lock_waiting([grant.request_id for grant in grants])
    _check_pool(pool_id, requests)
    recipients = find_recipients(pool_id, requests)
    units = {grant.request_id: grant.units for grant in grants}
    # Requests for licences of one product and year, of which a school has one open: each school is named once.
    demands = [
        checks.Demand(one.school_id, units[one.pk], recipients[one.school_id], asked=one.units) for one in requests
    ]
    outcome = pools.allocate_many(pool_id=pool_id, demands=demands, by=by, at=at)
    keys = dict(Allocation.objects.filter(pk__in=outcome.allocations.values()).values_list("school_id", "key_id"))
    accepted = []
    for request in requests:
        request.accepted_units, request.key_id = units[request.pk], keys[request.school_id]
        accepted.append(AcceptedRequest(request, outcome.allocations[request.school_id]))
    LicenceRequest.objects.bulk_end(requests, LicenceRequestEnd.ACCEPTED, at, "accepted_units", "key")
    record_accepted(accepted, addresses=recipients, by=by, at=at)
    return accepted


def record_accepted(
    accepted: Sequence[AcceptedRequest], *, addresses: Mapping[str, str], by: User | None, at: datetime.datetime
) -> None:
    """Write to who asked, unless the letter of the licences goes to the same address; journal and event.

    `addresses`: by UAI, where the letter of the licences goes, which says that it is the answer.
    """
    requests = [one.request for one in accepted]
    elsewhere = [one for one in requests if one.asked_by.email.casefold() != addresses[one.school_id].casefold()]
    emails.notify_principals(elsewhere, emails.ACCEPTED, at)
    _record(requests, ACCEPTED, by=by, at=at)
    webhooks.emit(
        events=[
            build_event(
                RequestEvent.ACCEPTED,
                one.request,
                accepted=one.request.accepted_units,
                allocation=one.allocation_id,
            )
            for one in accepted
        ],
        at=at,
    )


@transaction.atomic
def refuse_requests(
    *, request_ids: Sequence[int], sentence: str, by: User | None, at: datetime.datetime
) -> list[LicenceRequest]:
    """Refuse requests with one sentence, which their schools read. Raises what `accept_requests` raises of requests.

    Also `BadRequestSentence`: a refusal says why.
    """
    answer = clean_sentence(sentence, required="Dites en une phrase pourquoi vous refusez : l'école la lira.")
    requests = _lock_waiting(request_ids)
    for request in requests:
        request.answer = answer
    LicenceRequest.objects.bulk_end(requests, LicenceRequestEnd.REFUSED, at, "answer")
    emails.notify_principals(requests, emails.REFUSED, at)
    _record(requests, REFUSED, by=by, at=at)
    webhooks.emit(events=[build_event(RequestEvent.REFUSED, one) for one in requests], at=at)
    return requests


def _lock_waiting(request_ids: Sequence[int]) -> list[LicenceRequest]:
    """Lock and return the requests to the current collectivity, which all wait for their answer."""
    ids = set(request_ids)
    requests = LicenceRequest.objects.locked().select_related("school", "collectivity", "asked_by", "product")
    found = list(requests.filter(pk__in=ids, collectivity__schema_name=connection.schema_name))
    if len(found) < len(ids) or not found:
        raise Refusal("unknown_request", "Une de ces demandes n'existe pas dans votre bureau : rechargez la page.")
    if len(ids) < len(request_ids):
        raise Refusal("unknown_request", "Une demande figure deux fois dans cette liste.")
    if granted := [one for one in found if one.granted_until is not None]:
        names = formatting.join_first([format_school_name(one.school.name) for one in granted], 3)
        raise Refusal(
            "request_answered",
            f"Déjà accordée par un rééquilibrage : la demande de {names}. Rien n'est fait : pour y répondre autrement,"
            " annulez-le pendant l'heure où il peut l'être.",
        )
    if answered := [one for one in found if not one.is_pending]:
        names = formatting.join_first([format_school_name(one.school.name) for one in answered], 3)
        raise Refusal(
            "request_answered",
            f"Déjà répondue, ou retirée par l'école : la demande de {names}. Rien n'est fait : rechargez la page.",
        )
    return found


def _check_pool(pool_id: int, requests: Sequence[LicenceRequest]) -> None:
    """Raise `Refusal` unless the pool's licences are those that each request is for."""
    pool = Pool.objects.prefetch_related("entitlement").filter(pk=pool_id).first()
    if pool is None:
        return  # `allocate_many` says so
    year = get_school_year(pool.entitlement.last_day)
    for request in requests:
        if request.school_year != year or request.product_id != pool.entitlement.product_id:
            raise Refusal(
                "pool_of_another_year",
                f"{format_school_name(request.school.name)} demande des licences de"
                f" {format_school_year(request.school_year)}, et le lot « {pool.name} » est de"
                f" {format_school_year(year)} : choisissez un lot de cette année-là.",
            )


def find_recipients(pool_id: int, requests: Sequence[LicenceRequest]) -> dict[str, str]:
    """Return by UAI where to write: where the key was written to, the office's contact, the official mailbox.

    Where there is none of these: to the principal who asked, whom the school's mailbox verified. Two queries.
    """
    uais = [one.school_id for one in requests]
    existing = Allocation.objects.active().filter(pool=pool_id, school__in=uais)
    written = dict(existing.values_list("school_id", "recipient"))
    contacts = get_contact_emails(uais)
    return {
        one.school_id: written.get(one.school_id)
        or contacts.get(one.school_id)
        or one.school.email
        or one.asked_by.email
        for one in requests
    }


def _record(requests: Sequence[LicenceRequest], action: str, *, by: User | None, at: datetime.datetime) -> None:
    audit_log.record_many(
        [
            audit_log.NewAuditEntry(action, _summarise(one, action), one.school_id, OBJECT_TYPE, one.pk)
            for one in requests
        ],
        by=by,
        at=at,
    )


def _summarise(request: LicenceRequest, action: str) -> str:
    asked = formatting.pluralize(request.units, "licence demandée", "licences demandées")
    school, year = format_school_name(request.school.name), format_school_year(request.school_year)
    if action == REFUSED:
        return f"{school} : demande de {formatting.pluralize(request.units, 'licence')} ({year}) refusée."
    return f"{school} : {formatting.number(request.accepted_units or 0)} sur {asked} ({year})."


@transaction.atomic
def set_letters(*, user: User, wanted: bool, at: datetime.datetime) -> None:
    """Have the letter about the teachers of their schools sent to the user, or not. Idempotent."""
    if wanted:
        MutedLetter.objects.filter(user=user).delete()
    else:
        MutedLetter.objects.bulk_create([MutedLetter(user=user, muted_at=at)], ignore_conflicts=True)


# Requests that a rebalancing grants: accepted once it can no longer be undone, open again where it was.
#
# Meanwhile nobody else answers them, and their schools do not withdraw them. In the collectivity's schema.


class GrantedRequest(NamedTuple):
    """How many licences a request is granted, and the key that they went to."""

    request_id: int
    units: int
    key_id: int


def lock_requests(pool: Pool, uais: Collection[str]) -> None:
    """Lock the requests of these schools that the pool's licences can answer, before the pool itself."""
    # Those that are granted as well: by the time the lock is had, one may be open again.
    list(queries.list_for_pool(pool).filter(school__in=uais).locked().values_list("pk", flat=True))


def lock_granted(request_ids: Collection[int]) -> list[LicenceRequest]:
    """Lock these requests; return those that are still granted."""
    found = LicenceRequest.objects.filter(pk__in=request_ids).locked()
    return [one for one in found.select_related("school", "collectivity", "asked_by") if one.granted_until is not None]


def grant_requests(grants: Sequence[GrantedRequest], *, until: datetime.datetime) -> None:
    """Grant requests that the caller has locked and found waiting. Two statements."""
    found = LicenceRequest.objects.in_bulk([one.request_id for one in grants])
    for one in grants:
        request = found[one.request_id]
        request.granted_until, request.accepted_units, request.key_id = until, one.units, one.key_id
    LicenceRequest.objects.bulk_update(found.values(), ["granted_until", "accepted_units", "key"])


def release_requests(requests: Sequence[LicenceRequest]) -> None:
    """Have granted requests wait again, which the caller has locked: what granted them was undone."""
    ids = [one.pk for one in requests]
    LicenceRequest.objects.filter(pk__in=ids).update(granted_until=None, accepted_units=None, key=None)


@transaction.atomic
def accept_granted(
    accepted: Sequence[AcceptedRequest], *, addresses: Mapping[str, str], by: User | None, at: datetime.datetime
) -> None:
    """Accept granted requests, which the caller has locked, with what they were granted; tell the office's own.

    `addresses`: by UAI, where the letter of the licences goes, which says that it is the answer.
    """
    requests = [one.request for one in accepted]
    for request in requests:
        request.granted_until = None
    LicenceRequest.objects.bulk_end(requests, LicenceRequestEnd.ACCEPTED, at, "granted_until")
    record_accepted(accepted, addresses=addresses, by=by, at=at)


def expire_requests(*, at: datetime.datetime) -> int:
    """End the requests for a school year that is over, but those that are granted; return how many."""
    year = get_last_day(date_in_paris(at)).year
    of_teachers = TeacherRequest.objects.filter(school_year__lt=year)
    of_schools = LicenceRequest.objects.waiting().filter(school_year__lt=year)
    return of_teachers.end_all(TeacherRequestEnd.EXPIRED, at) + of_schools.end_all(LicenceRequestEnd.EXPIRED, at)
