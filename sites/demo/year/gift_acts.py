"""Acts of the simulated year: licences are given, addresses corrected, schools reminded by hand, lots rebalanced."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from io import BytesIO

from django_tenants.utils import tenant_context
from openpyxl import Workbook

from imports import operations as imports
from imports import queries as import_queries
from imports.enums import ImportState, Purpose
from licensing.entitlements.office_keys import find_redeemed
from licensing.pools import bulk_views, checks, key_emails
from licensing.pools import operations as pools
from licensing.pools.models import Allocation
from licensing.rebalancing import operations as rebalancing
from licensing.rebalancing.plan import build_plan
from sites.demo.workbook import HEADER
from sites.demo.year.jobs import run_jobs
from sites.demo.year.places import OfficeStory
from sites.demo.year.school_plans import SchoolPlan
from sites.demo.year.world import YearWorld


def import_workbook(world: YearWorld, *, office: OfficeStory, send_on: datetime.date) -> None:
    """Upload the list of schools, have it read, and confirm what it gives, to be sent on a day."""
    manager = world.user(office.manager)
    with tenant_context(world.office(office)):
        found = imports.upload(
            purpose=Purpose.ALLOCATION,
            pool_id=world.get_pool(office, world.story.ends_in).pk,
            volume="",
            filename="dotation.xlsx",
            content=_write_workbook(_list_given(world, office)),
            units_for_all=None,
            by=manager,
            at=world.at,
        )
    run_jobs(world.at)
    with tenant_context(world.office(office)):
        found.refresh_from_db()
        imports.confirm(
            import_id=found.pk,
            digest=import_queries.compute_digest(found),
            send_on=send_on,
            # The number that the page asks to be typed, as nearly all of the lot is given.
            confirmed_count=sum(plan.units for plan in _list_given(world, office)),
            by=manager,
            at=world.at,
        )
    run_jobs(world.at)
    with tenant_context(world.office(office)):
        found.refresh_from_db()
        if found.state != ImportState.APPLIED:
            raise RuntimeError(f"The workbook of {office.name} was not applied: {found.refusal or found.state}")


def give_in_bulk(world: YearWorld, *, office: OfficeStory) -> None:
    """Give to all schools as a program does by the API."""
    rows = [pools.AllocationRequest(plan.uai, plan.units, plan.address) for plan in _list_given(world, office)]
    with tenant_context(world.office(office)):
        pools.allocate_rows(
            pool_id=world.get_pool(office, world.story.ends_in).pk,
            rows=rows,
            all_or_nothing=True,
            by=world.user(office.manager),
            at=world.at,
        )


def give_many(world: YearWorld, *, office: OfficeStory) -> None:
    """Give to the schools that were ticked on the page."""
    demands = [checks.Demand(plan.uai, plan.units, plan.address) for plan in _list_given(world, office)]
    with tenant_context(world.office(office)):
        pools.allocate_many(
            pool_id=world.get_pool(office, world.story.ends_in).pk,
            demands=demands,
            by=world.user(office.manager),
            at=world.at,
        )


def correct_addresses(world: YearWorld, *, office: OfficeStory) -> None:
    """Accept what « Adresses à corriger » proposes."""
    with tenant_context(world.office(office)):
        lost = list(bulk_views.list_undelivered(world.at))
        found = bulk_views.build_corrections(lost)
        recipients = {one.allocation.pk: one.proposed for one in found if one.proposed}
        if recipients:
            key_emails.readdress_many(recipients=recipients, by=world.user(office.manager), at=world.at)


def remind_by_hand(world: YearWorld, *, office: OfficeStory) -> None:
    """Remind all schools whose key sleeps."""
    with tenant_context(world.office(office)):
        waiting = Allocation.objects.active().exclude(key__in=find_redeemed()).values_list("pk", flat=True)
        key_emails.remind_many(allocation_ids=list(waiting), by=world.user(office.manager), at=world.at)


def rebalance(world: YearWorld, *, office: OfficeStory, answered: Collection[str]) -> None:
    """Apply the plan that the page proposes; `answered`: the schools whose requests it grants."""
    with tenant_context(world.office(office)):
        plan = build_plan(world.get_pool(office, world.story.ends_in), world.at)
        taken = {one.allocation.pk: one.taken for one in plan.sources if one.taken}
        given = {one.need.uai: one.given for one in plan.needs if one.given}
        granted = {one.need.uai for one in plan.answered if one.given == one.need.asked}
        if granted != set(answered):
            raise RuntimeError(f"The plan of {office.name} answers {sorted(granted)}, and not {sorted(answered)}.")
        made = rebalancing.rebalance(
            pool_id=plan.pool.pk,
            taken=taken,
            given=given,
            asked=frozenset(),
            expected=plan.fingerprint,
            by=world.user(office.manager),
            at=world.at,
        )
        if made is not None:
            world.rebalancings[office.slug] = made.pk


def undo_rebalancing(world: YearWorld, *, office: OfficeStory) -> None:
    """Undo what was just applied."""
    with tenant_context(world.office(office)):
        rebalancing.undo_rebalancing(
            rebalancing_id=world.rebalancings[office.slug], by=world.user(office.manager), at=world.at
        )


def _list_given(world: YearWorld, office: OfficeStory) -> list[SchoolPlan]:
    return [plan for plan in world.story.plans if plan.office is office and plan.units]


def _write_workbook(plans: list[SchoolPlan]) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADER)
    for plan in plans:
        address = plan.address if plan.address != plan.mailbox else ""
        sheet.append([plan.uai, plan.name, plan.units, address, ""])
    file = BytesIO()
    book.save(file)
    return file.getvalue()
