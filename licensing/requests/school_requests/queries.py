"""Read-only queries on requests."""

import datetime
from collections.abc import Collection
from typing import Any, NamedTuple

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery, Sum

from accounts.models import User
from core.calendar import date_in_paris
from core.connections import connection
from core.models import GatheredValues
from licensing.catalogue.operations import get_last_day
from licensing.entitlements.models import ActivationKey, Seat, available_on
from licensing.entitlements.overview import build_figures
from licensing.entitlements.queries import ends_in_school_year, get_school_year
from licensing.pools.models import Pool
from licensing.requests.lifecycle.models import AnswerableQuerySet
from licensing.requests.school_requests.models import (
    LicenceRequest,
    LicenceRequestQuerySet,
    MutedLetter,
    RequestState,
    TeacherRequest,
)
from schools.folding import fold
from schools.models import Affiliation, School
from schools.territory import find_territory
from tenants.cross_schema import query_all
from tenants.models import Collectivity, CollectivityKind

# The collectivities that a school may ask for licences, without a visit to every office.
#
# Those that gave it keys, and those whose territory it is in; only where there is neither, those that have it in their
# portfolio, on the page of the principal who asks.

#: Digits of a SIREN, with which the SIRET of a public school begins.
_SIREN_LENGTH = 9
_PLACES = (CollectivityKind.COMMUNE, CollectivityKind.DEPARTEMENT, CollectivityKind.REGION)


def list_collectivities_to_ask(school: School) -> list[Collectivity]:
    """Return the collectivities that this school may ask, those that gave to it first, then by name."""
    givers = set(
        ActivationKey.objects.filter(school=school, revoked_at=None, entitlement__cancelled_at=None)
        .exclude(entitlement__collectivity=None)
        .values_list("entitlement__collectivity", flat=True)
    )
    found = givers | _find_by_territory(school)
    if not found:
        query = "SELECT school_id FROM {schema}.collectivities_portfolioschool WHERE school_id = %s"
        found = {row.collectivity.pk for row in query_all(query, [school.pk])}
    collectivities = Collectivity.objects.filter(pk__in=found).order_by("name", "pk")
    return sorted(collectivities, key=lambda one: one.pk not in givers)


def _find_by_territory(school: School) -> set[int]:
    """Return those in whose territory the school is; one query, and a few for those of its places' names."""
    places = [fold(place) for place in (school.commune, school.departement, school.region) if place]
    siren = school.siret[:_SIREN_LENGTH]
    found = set()
    for collectivity in Collectivity.objects.filter(kind__in=_PLACES).only("pk", "name", "kind", "siren"):
        name = fold(collectivity.name)
        if any(place in name for place in places) and (territory := find_territory(collectivity)) is not None:
            found |= {collectivity.pk} if territory.list_schools().filter(pk=school.pk).exists() else set()
    if siren:
        found |= set(Collectivity.objects.filter(siren=siren).values_list("pk", flat=True))
    return found


#: From this month on, licences of the next school year may be asked for; two months before the end, only they.
_APRIL, _JULY, _AUGUST = 4, 7, 8


def list_years_to_ask(day: datetime.date) -> list[int]:
    """Return the school years that may be asked for, by the year in which they end, the likelier first."""
    current = get_last_day(day).year
    if day.month in (_JULY, _AUGUST):
        return [current + 1]
    return [current, current + 1] if _APRIL <= day.month < _JULY else [current]


#: Requests that a school's page shows: the open one and those before.
MAX_SHOWN = 4


def filter_state(requests: QuerySet[LicenceRequest], state: str) -> QuerySet[LicenceRequest]:
    """Filter the requests in a state of `RequestState`."""
    if state == RequestState.GRANTED:
        return requests.filter(granted_until__isnull=False)
    return requests.filter(granted_until__isnull=True, outcome="" if state == RequestState.OPEN else state)


def list_of_office(collectivity: Collectivity) -> LicenceRequestQuerySet:
    """Return the requests to a collectivity with their schools: those that wait first, then the last answered."""
    requests = LicenceRequest.objects.filter(collectivity_id=collectivity.pk).select_related("school", "product")
    return requests.order_by("-ended_at", "created_at", "pk")


def count_waiting(collectivity: Collectivity) -> tuple[int, int]:
    """Return how many requests to a collectivity wait, and for how many licences."""
    found = LicenceRequest.objects.waiting().filter(collectivity_id=collectivity.pk)
    counted = found.aggregate(requests=Count("pk"), units=Sum("units"))
    return counted["requests"], counted["units"] or 0


def find_requesting_schools() -> GatheredValues:
    """Return the UAIs of the schools whose request to the current office waits. One query."""
    waiting = LicenceRequest.objects.waiting().filter(collectivity__schema_name=connection.schema_name)
    return GatheredValues.read(waiting, "school_id")


def list_for_pool(pool: Pool) -> LicenceRequestQuerySet:
    """Return the requests to the current office, not finally answered, of the product and school year of a pool."""
    entitlement = pool.entitlement
    return LicenceRequest.objects.pending().filter(
        collectivity__schema_name=connection.schema_name,
        product_id=entitlement.product_id,
        school_year=get_school_year(entitlement.last_day),
    )


def list_of_school(uai: str | None, *, collectivity: Collectivity | None = None) -> list[LicenceRequest]:
    """Return the latest requests of a school, to one collectivity where it is given. One query."""
    requests = LicenceRequest.objects.filter(school=uai).select_related("collectivity", "school")
    if collectivity is not None:
        requests = requests.filter(collectivity_id=collectivity.pk)
    return list(requests.order_by("-created_at", "-pk")[:MAX_SHOWN])


def list_teacher_requests(uai: str) -> AnswerableQuerySet[TeacherRequest]:
    """Return the pending requests of teachers who still belong to the school, with the teachers, the first first."""
    members = Affiliation.objects.filter(school=uai, user__is_active=True).values("user")
    requests = TeacherRequest.objects.pending().filter(school=uai, teacher__in=members)
    return requests.select_related("teacher").order_by("created_at", "pk")


class PendingRequest(NamedTuple):
    """What a teacher asked of their school's principals, as the school's page shows it."""

    pk: int
    created_at: datetime.datetime


def annotate_requests(teachers: QuerySet[User, Any], uai: str) -> QuerySet[User, Any]:
    """Annotate the teachers of a school with what they ask of it, for `get_pending_request`: at most one each."""
    asked = TeacherRequest.objects.pending().filter(school=uai, teacher=OuterRef("pk"))
    return teachers.annotate(request_pk=Subquery(asked.values("pk")), requested_at=Subquery(asked.values("created_at")))


def get_pending_request(teacher: User) -> PendingRequest | None:
    """Return what a teacher of `annotate_requests` asks, if anything. No query."""
    found = vars(teacher)
    return PendingRequest(found["request_pk"], found["requested_at"]) if found["request_pk"] is not None else None


def find_last_request(teacher: User, uai: str | None) -> TeacherRequest | None:
    """Return a teacher's last request to a school, whatever came of it; None where there is none."""
    return TeacherRequest.objects.filter(teacher=teacher, school=uai).order_by("-created_at", "-pk").first()


def holds_licence(teacher: User, *, at: datetime.datetime) -> bool:
    """Whether the teacher holds a licence of a school year that is asked for now."""
    today = date_in_paris(at)
    years = Q()
    for year in list_years_to_ask(today)[:1]:
        years |= ends_in_school_year(year, "subscription__key__entitlement")
    held = Seat.objects.filter(available_on(today, "subscription__key__entitlement"), years, holder=teacher)
    return held.exists()


def find_muted(users: Collection[User]) -> set[int]:
    """Return those of the users who do not want the letter about the teachers of their schools."""
    muted = MutedLetter.objects.filter(user__in=[user.pk for user in users])
    return set(muted.values_list("user_id", flat=True))


def mutes_letter() -> Exists:
    """Return the condition that the user of an affiliation does not want that letter."""
    return Exists(MutedLetter.objects.filter(user=OuterRef("user")))


def list_version_figures(user: User) -> list[Subquery]:
    """Return the figures that change when a request that the user's page shows does."""
    led = Affiliation.objects.filter(user=user, verified_at__isnull=False).values("school")
    asked = TeacherRequest.objects.filter(Q(teacher=user) | Q(school__in=led))
    of_school = LicenceRequest.objects.filter(school__in=led)
    return [
        build_figures(asked, Max("pk"), Count("ended_at")),
        build_figures(of_school, Max("pk"), Count("ended_at"), Count("granted_until"), Max("granted_until")),
    ]
