"""Acts of the simulated year: licences are asked for, given, refused, given back and kept."""

from __future__ import annotations

from collections.abc import Sequence

from django_tenants.utils import tenant_context

from licensing.pools.models import Allocation
from licensing.requests import operations as requests
from licensing.requests.models import LicenceRequest, TeacherRequest
from licensing.requests.operations import GrantedUnits
from licensing.returns import operations as returns
from licensing.returns.models import ReturnRequest
from sites.demo.year.places import OfficeStory
from sites.demo.year.school_plans import SchoolPlan
from sites.demo.year.world import YearWorld


def ask_principal(world: YearWorld, *, plan: SchoolPlan, place: int) -> None:
    """Have a teacher ask the head for a licence."""
    requests.ask_principal(uai=plan.uai, by=world.user(plan.teachers[place]), at=world.at)


def refuse_teacher(world: YearWorld, *, plan: SchoolPlan, place: int, sentence: str) -> None:
    """Have the head refuse a teacher's request."""
    asked = TeacherRequest.objects.pending().get(teacher=world.user(plan.teachers[place]))
    requests.refuse_teacher_request(request_id=asked.pk, sentence=sentence, by=world.user(plan.head), at=world.at)


def ask_collectivity(world: YearWorld, *, plan: SchoolPlan, year: int, units: int, reason: str) -> None:
    """Have the head ask the collectivity for more licences."""
    requests.ask_collectivity(
        uai=plan.uai,
        collectivity_id=world.office(plan.office).pk,
        school_year=year,
        units=units,
        reason=reason,
        by=world.user(plan.head),
        at=world.at,
    )


def decide(
    world: YearWorld, *, office: OfficeStory, sentence: str, accepted: Sequence[str], refused: Sequence[str]
) -> None:
    """Have the manager answer what waits: some together by a gift, others by a sentence."""
    waiting = {one.school_id: one for one in LicenceRequest.objects.pending().filter(collectivity=world.office(office))}
    by = world.user(office.manager)
    with tenant_context(world.office(office)):
        if accepted:
            grants = [GrantedUnits(waiting[uai].pk, waiting[uai].units) for uai in accepted]
            pool = world.get_pool(office, world.story.ends_in)
            requests.accept_requests(pool_id=pool.pk, grants=grants, by=by, at=world.at)
        if refused:
            ids = [waiting[uai].pk for uai in refused]
            requests.refuse_requests(request_ids=ids, sentence=sentence, by=by, at=world.at)


def give_back(world: YearWorld, *, plan: SchoolPlan, year: int, units: int) -> None:
    """Have the head give unused licences back, unasked."""
    returns.give_back(
        subscription_id=world.get_subscription(plan, year).pk, units=units, by=world.user(plan.head), at=world.at
    )


def ask_back(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the manager ask every school for what it does not use."""
    with tenant_context(world.office(office)):
        given = Allocation.objects.filter(revoked_at=None, pool=world.get_pool(office, world.story.ends_in))
        returns.ask_many(
            allocation_ids=list(given.values_list("pk", flat=True)), by=world.user(office.manager), at=world.at
        )


def answer_return(world: YearWorld, *, plan: SchoolPlan, year: int, kept: str) -> None:
    """Have the head give what the collectivity asked for, or keep it with a sentence."""
    subscription = world.get_subscription(plan, year)
    asked = ReturnRequest.objects.open_at(world.at).get(key=subscription.key_id)
    by = world.user(plan.head)
    if kept:
        returns.keep(request_id=asked.pk, by=by, at=world.at, comment=kept)
    else:
        returns.give_back(subscription_id=subscription.pk, units=asked.units, by=by, at=world.at)
