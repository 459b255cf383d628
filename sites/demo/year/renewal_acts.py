"""Acts of the simulated year on the next one: its list is edited, ordered and given to the schools, or declined."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

from django_tenants.utils import tenant_context
from openpyxl import load_workbook

from core.calendar import date_in_paris
from imports import operations as imports
from imports.enums import Purpose
from licensing.billing.documents import get_or_create_quote
from licensing.renewals import application_plan
from licensing.renewals import operations as renewal_operations
from licensing.renewals.queries import RenewalList, read_list
from sites.demo.year.jobs import run_jobs
from sites.demo.year.places import OfficeStory
from sites.demo.year.world import YearWorld
from sites.office.renewal.spreadsheets import build_list_workbook

_UAI, _UNITS = 1, 4


def edit_renewal(world: YearWorld, *, office: OfficeStory, year: int, units: Mapping[str, int]) -> None:
    """Have the buyer type the numbers that are not those proposed."""
    with tenant_context(world.office(office)):
        found = read_list(year, world.at)
        renewal_operations.edit_lines(
            year=year,
            version=found.version,
            units={row.uai: units.get(row.uai, 0) for row in found.rows},
            by=world.user(office.buyer),
            at=world.at,
        )


def take_renewal_workbook(world: YearWorld, *, office: OfficeStory, year: int, units: Mapping[str, int]) -> None:
    """Have the manager download the list, edit it, upload it as a list of schools, and take its numbers."""
    manager = world.user(office.manager)
    with tenant_context(world.office(office)):
        uploaded = imports.upload(
            purpose=Purpose.PORTFOLIO,
            pool_id=None,
            volume="",
            units_for_all=None,
            filename="reconduction.xlsx",
            content=_edit_workbook(build_list_workbook(read_list(year, world.at)), units),
            by=manager,
            at=world.at,
        )
    run_jobs(world.at)
    with tenant_context(world.office(office)):
        numbers = imports.read_numbers(uploaded.pk, date_in_paris(world.at))
        if numbers is None or numbers.left_out:
            raise RuntimeError(f"The list of {office.name} was not read: {numbers and numbers.left_out}")
        found = read_list(year, world.at)
        renewal_operations.edit_lines(year=year, version=found.version, units=numbers.units, by=manager, at=world.at)
        # Its numbers are taken: the portfolio has all of its schools already.
        imports.cancel(import_id=uploaded.pk, by=manager, at=world.at)


def quote_renewal(world: YearWorld, *, office: OfficeStory, year: int, units: Mapping[str, int]) -> None:
    """Have the buyer turn the list into an order with its quote, as the page's one button does."""
    with tenant_context(world.office(office)):
        found = _read_list_of(units, year, world)
        order = renewal_operations.order_renewal(
            collectivity=world.office(office),
            year=year,
            version=found.version,
            units=found.to_order,
            by=world.user(office.buyer),
            at=world.at,
        )
    get_or_create_quote(order, at=world.at)
    world.orders[office.slug, year] = order.pk


def give_renewal(world: YearWorld, *, office: OfficeStory, year: int, units: Mapping[str, int]) -> None:
    """Have the manager give the list to its schools."""
    with tenant_context(world.office(office)):
        found = _read_list_of(units, year, world)
        renewal_operations.apply_renewal(
            year=year,
            version=found.version,
            expected=application_plan.build_plan(found, world.at).fingerprint,
            by=world.user(office.manager),
            at=world.at,
        )


def undo_renewal(world: YearWorld, *, office: OfficeStory, year: int) -> None:
    """Have the manager take it all back, before any school knows of it."""
    with tenant_context(world.office(office)):
        renewal_operations.undo_application(year=year, by=world.user(office.manager), at=world.at)


def decline_renewal(world: YearWorld, *, office: OfficeStory, year: int, sentence: str) -> None:
    """Have the buyer say that nothing is renewed."""
    with tenant_context(world.office(office)):
        found = read_list(year, world.at)
        renewal_operations.decline_renewal(
            year=year, version=found.version, reason=sentence, by=world.user(office.buyer), at=world.at
        )


def _read_list_of(units: Mapping[str, int], year: int, world: YearWorld) -> RenewalList:
    """Return the list. Raises `RuntimeError` where it is not the one that the story tells."""
    found = read_list(year, world.at)
    other = {row.uai: (row.units, units.get(row.uai, 0)) for row in found.rows if row.units != units.get(row.uai, 0)}
    if other:
        raise RuntimeError(f"The list is another than the story's, by UAI: {other}")
    return found


def _edit_workbook(content: bytes, units: Mapping[str, int]) -> bytes:
    book = load_workbook(BytesIO(content))
    sheet = book.worksheets[0]
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, _UNITS).value = units.get(str(sheet.cell(row, _UAI).value), 0)
    file = BytesIO()
    book.save(file)
    return file.getvalue()
