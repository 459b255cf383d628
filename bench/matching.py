"""Matching among 70,000 schools and 200,000 accounts: teachers for a school, schools for a typed name."""

import random
import statistics
from collections.abc import Callable, Sequence

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Q, QuerySet

from accounts.models import Profile
from bench import account_data
from bench.directory import ORDERED_INDEXES
from bench.measure import Contender, Measure, MeasureGroup, peak_of_code, percentile, time_in_turn
from bench.query_plans import QueryPlans
from bench.registry import measure
from schools.models import Affiliation, School, SchoolState
from schools.queries import suggest_schools_for, suggest_teachers

#: Number of schools and typed names; the slow peer runs for one in `PEER_EVERY` of them.
ASKED, ROUNDS, PEER_EVERY = 120, 3, 10


@measure("teacher_matching")
def teacher_matching() -> MeasureGroup:
    """95th percentile of proposing teachers to a principal, and schools to someone who typed theirs."""
    account_data.load_directory()
    account_data.create_accounts()
    rng = random.Random(7)  # noqa: S311 - a draw, not a secret
    schools = list(School.objects.exclude(state=SchoolState.CLOSED).order_by("uai"))
    typed = list(Affiliation.objects.filter(school=None).order_by("pk"))
    # The largest cities, where most have to be compared, and schools drawn from everywhere.
    cities = list(School.objects.filter(commune__in=["Paris", "Toulouse", "Marseille"]).order_by("uai")[:ASKED:6])
    return MeasureGroup(
        "teacher_matching",
        (
            _teachers([*rng.sample(schools, ASKED - len(cities)), *cities]),
            _schools(rng.sample(typed, ASKED)),
        ),
    )


def _teachers(schools: Sequence[School]) -> Measure:
    some = list(Affiliation.objects.order_by("pk").values_list("pk", flat=True)[:2000:100])
    plans = QueryPlans()
    with plans.watch():
        for school in schools:
            suggest_teachers(school)
    return _measure(
        "likely_teachers",
        {
            "ours": [lambda school=school: suggest_teachers(school) for school in schools],
            "floor": [lambda: list(_with_people(Affiliation.objects.filter(pk__in=some)))] * len(schools),
            "peer": [lambda school=school: list(_teachers_as_usual(school)) for school in schools],
        },
        plans,
        floor="twenty affiliations by primary key, with their teachers and schools",
        peer="the twenty most similar names among all teachers of the same postal code or town, without our indexes",
        peak="from schools.models import School\nfrom schools.queries import suggest_teachers\n"
        f"for school in School.objects.order_by('uai')[::{ASKED}]: suggest_teachers(school)",
    )


def _schools(typed: Sequence[Affiliation]) -> Measure:
    some = list(School.objects.order_by("uai").values_list("uai", flat=True)[:5000:1000])
    plans = QueryPlans(walked=ORDERED_INDEXES)
    with plans.watch():
        for affiliation in typed:
            suggest_schools_for(affiliation)
    return _measure(
        "likely_schools_of",
        {
            "ours": [lambda affiliation=affiliation: suggest_schools_for(affiliation) for affiliation in typed],
            "floor": [lambda: list(School.objects.filter(pk__in=some))] * len(typed),
            "peer": [lambda affiliation=affiliation: list(_schools_as_usual(affiliation)) for affiliation in typed],
        },
        plans,
        floor="five schools by primary key",
        peer="the five most similar names among all open schools",
        peak="from schools.models import Affiliation\nfrom schools.queries import suggest_schools_for\n"
        f"for each in Affiliation.objects.filter(school=None)[:[:{ASKED}]: suggest_schools_for(each)",
    )


def _measure(
    name: str, contenders: dict[str, list[Callable[[], object]]], plans: QueryPlans, *, floor: str, peer: str, peak: str
) -> Measure:
    times: dict[str, list[float]] = {contender: [] for contender in contenders}
    for number, turn in enumerate(zip(*contenders.values(), strict=True)):
        named = {
            contender: Contender(run)
            for contender, run in zip(contenders, turn, strict=True)
            if contender != "peer" or number % PEER_EVERY == 0
        }
        for contender, each in time_in_turn(named, rounds=ROUNDS).items():
            # The median per query, which is robust against bursts of other work.
            times[contender].append(statistics.median(each))
    return Measure(
        name=name,
        ours_s=percentile(times["ours"], 0.95),
        floor_s=percentile(times["floor"], 0.95),
        peer_s=percentile(times["peer"], 0.95),
        peak_mb=peak_of_code(peak),
        floor=f"{floor}; 95th percentile, as the others",
        peer=peer,
        plans=tuple(plans.texts()),
        full_scans=tuple(plans.full_scans()),
    )


def _with_people(affiliations: QuerySet[Affiliation]) -> QuerySet[Affiliation]:
    return affiliations.select_related("user", "school")


def _teachers_as_usual(school: School) -> QuerySet[Affiliation]:
    near = Q(school=None) & (Q(postal_code=school.postal_code) | Q(city__iexact=school.commune))
    near |= Q(school__commune_code=school.commune_code)
    return (
        _with_people(Affiliation.objects.filter(near, user__profile=Profile.TEACHER))
        .exclude(school=school)
        .annotate(typed=TrigramSimilarity("name", school.name), chosen=TrigramSimilarity("school__name", school.name))
        .order_by("-typed", "-chosen")[:20]
    )


def _schools_as_usual(affiliation: Affiliation) -> QuerySet[School]:
    similar = School.objects.exclude(state=SchoolState.CLOSED).annotate(
        similarity=TrigramSimilarity("name", affiliation.name)
    )
    return similar.order_by("-similarity")[:5]
