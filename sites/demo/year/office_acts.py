"""Acts of offices and of the operator in the simulated year: set-up, purchases, gifts, rebalancing and renewal."""

import datetime
from collections.abc import Collection, Mapping
from io import BytesIO

from django.conf import settings
from django_tenants.utils import tenant_context
from openpyxl import Workbook, load_workbook

from collectivities.capabilities import Role
from collectivities.letters import choose_letters
from collectivities.models import Letter, Member
from collectivities.operations.members import invite
from collectivities.operations.offices import open_office as open_one
from collectivities.operations.offices import set_presentation
from collectivities.operations.portfolio import add_to_portfolio
from core.calendar import date_in_paris
from imports import queries as import_queries
from imports import requested_licences
from imports.enums import ImportState, Purpose
from imports.operations import apply_rows, cancellation, upload
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.documents import get_or_create_purchase_order, get_or_create_quote
from licensing.catalogue import terms
from licensing.catalogue.models import SchoolYear
from licensing.orders import operations, purchase_orders
from licensing.orders.models import Order
from licensing.payments import operations as payment_operations
from licensing.plans.rebalancing import operations as rebalancing
from licensing.plans.rebalancing.plan import build_plan
from licensing.plans.renewals import application_plan
from licensing.plans.renewals import operations as renewal_operations
from licensing.plans.renewals.queries import RenewalList, read_list
from licensing.pools import bulk_views, checks, key_emails
from licensing.pools import operations as pools
from licensing.pools.models import Allocation
from schools.directory.operations import synchronise
from schools.operations import load_calendar
from sites.demo.directory import HEADER, write_csv
from sites.demo.people import PASSWORD, DemoPerson, create_operator, join_by_letter
from sites.demo.shop import SIGNED_PDF, build_billing, create_seller_and_summary, set_prices
from sites.demo.year.places import OPERATOR, OfficeStory, SchoolPlan, list_rows
from sites.demo.year.world import YearWorld, run_jobs
from sites.office.renewal_spreadsheets import build_list_workbook

_UAI, _UNITS = 1, 4


def edit_renewal(world: YearWorld, *, office: OfficeStory, year: int, units: Mapping[str, int]) -> None:
    """Have the buyer type the numbers that are not those proposed."""
    with tenant_context(world.office(office)):
        found = read_list(year, world.at)
        renewal_operations.edit_lines(
            year=year,
            version=found.version,
            units={row.uai: units.get(row.uai, 0) for row in found.rows},
            **world.by(office.buyer),
        )


def take_renewal_workbook(world: YearWorld, *, office: OfficeStory, year: int, units: Mapping[str, int]) -> None:
    """Have the manager download the list, edit it, upload it as a list of schools, and take its numbers."""
    manager = world.user(office.manager)
    with tenant_context(world.office(office)):
        uploaded = upload.upload(
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
        numbers = requested_licences.read_numbers(uploaded.pk, date_in_paris(world.at))
        if numbers is None or numbers.left_out:
            raise RuntimeError(f"The list of {office.name} was not read: {numbers and numbers.left_out}")
        found = read_list(year, world.at)
        renewal_operations.edit_lines(year=year, version=found.version, units=numbers.units, by=manager, at=world.at)
        # Its numbers are taken: the portfolio has all of its schools already.
        cancellation.cancel(import_id=uploaded.pk, by=manager, at=world.at)


def quote_renewal(world: YearWorld, *, office: OfficeStory, year: int, units: Mapping[str, int]) -> None:
    """Have the buyer turn the list into an order with its quote, as the page's one button does."""
    with tenant_context(world.office(office)):
        found = _read_list_of(units, year, world)
        order = renewal_operations.order_renewal(
            collectivity=world.office(office),
            year=year,
            version=found.version,
            units=found.to_order,
            **world.by(office.buyer),
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
            **world.by(office.manager),
        )


def undo_renewal(world: YearWorld, *, office: OfficeStory, year: int) -> None:
    """Have the manager take it all back, before any school knows of it."""
    with tenant_context(world.office(office)):
        renewal_operations.undo_application(year=year, **world.by(office.manager))


def decline_renewal(world: YearWorld, *, office: OfficeStory, year: int, sentence: str) -> None:
    """Have the buyer say that nothing is renewed."""
    with tenant_context(world.office(office)):
        found = read_list(year, world.at)
        renewal_operations.decline_renewal(year=year, version=found.version, reason=sentence, **world.by(office.buyer))


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


def import_workbook(world: YearWorld, *, office: OfficeStory, send_on: datetime.date) -> None:
    """Upload the list of schools, have it read, and confirm what it gives, to be sent on a day."""
    manager = world.user(office.manager)
    with tenant_context(world.office(office)):
        found = upload.upload(
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
        apply_rows.confirm(
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
            **world.by(office.manager),
        )


def give_many(world: YearWorld, *, office: OfficeStory) -> None:
    """Give to the schools that were ticked on the page."""
    demands = [checks.Demand(plan.uai, plan.units, plan.address) for plan in _list_given(world, office)]
    with tenant_context(world.office(office)):
        pools.allocate_many(
            pool_id=world.get_pool(office, world.story.ends_in).pk, demands=demands, **world.by(office.manager)
        )


def correct_addresses(world: YearWorld, *, office: OfficeStory) -> None:
    """Accept what « Adresses à corriger » proposes."""
    with tenant_context(world.office(office)):
        lost = list(bulk_views.list_undelivered(world.at))
        found = bulk_views.build_corrections(lost)
        recipients = {one.allocation.pk: one.proposed for one in found if one.proposed}
        if recipients:
            key_emails.readdress_many(recipients=recipients, **world.by(office.manager))


def remind_by_hand(world: YearWorld, *, office: OfficeStory) -> None:
    """Remind all schools whose key sleeps."""
    with tenant_context(world.office(office)):
        waiting = Allocation.objects.active().filter(redeemed_at=None).values_list("pk", flat=True)
        key_emails.remind_many(allocation_ids=list(waiting), **world.by(office.manager))


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
            **world.by(office.manager),
        )
        if made is not None:
            world.rebalancings[office.slug] = made.pk


def undo_rebalancing(world: YearWorld, *, office: OfficeStory) -> None:
    """Undo what was just applied."""
    with tenant_context(world.office(office)):
        rebalancing.undo_rebalancing(rebalancing_id=world.rebalancings[office.slug], **world.by(office.manager))


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


def quote(world: YearWorld, *, office: OfficeStory, year: int, units: int) -> None:
    """Have the buyer ask for a quote."""
    order = _draft(world, office, year, units)
    order = operations.issue_quote(order_id=order.pk, **world.by(office.buyer))
    get_or_create_quote(order, at=world.at)


def order(world: YearWorld, *, office: OfficeStory, year: int, units: int) -> None:
    """Have the buyer place the order, of the quote where there is one."""
    quoted = world.orders.get((office.slug, year))
    placed = _draft(world, office, year, units) if quoted is None else Order.objects.get(pk=quoted)
    buyer = world.user(office.buyer)
    billing = build_billing(world.office(office), buyer, office.address, f"EJ-{world.at:%Y}-0147")
    placed = operations.place(
        order_id=placed.pk, billing=billing, terms_version=terms.CURRENT, **world.by(office.buyer)
    )
    get_or_create_purchase_order(placed, at=world.at)


def send_purchase_order(world: YearWorld, *, office: OfficeStory, year: int) -> None:
    """Have the buyer upload the signed purchase order."""
    number = world.orders[office.slug, year]
    purchase_orders.receive_scan(
        order_id=number, filename="bon-signe.pdf", content=SIGNED_PDF, **world.by(office.buyer)
    )


def confirm_purchase_order(world: YearWorld, *, office: OfficeStory, year: int) -> None:
    """Have the operator confirm it: the invoice is issued."""
    billing_operations.confirm(order_id=world.orders[office.slug, year], **world.by(OPERATOR))


def pay(world: YearWorld, *, office: OfficeStory, year: int) -> None:
    """Have the operator record the transfer."""
    owed = Order.objects.get(pk=world.orders[office.slug, year])
    payment_operations.record_payment(
        order_id=owed.pk,
        method="transfer",
        amount=owed.total_ttc,
        received_on=date_in_paris(world.at) - datetime.timedelta(days=1),
        reference=f"Mandat {year}-{owed.pk}",
        **world.by(OPERATOR),
    )


def _draft(world: YearWorld, office: OfficeStory, year: int, units: int) -> Order:
    draft = operations.create_collectivity_draft(
        collectivity=world.office(office), units=units, **world.by(office.buyer), ends_in=year
    )
    world.orders[office.slug, year] = draft.pk
    return draft


#: Days before it begins from which a school year is sold.
_SOLD_BEFORE = datetime.timedelta(days=120)


def open_shop(world: YearWorld) -> None:
    """Create the operator, the seller and the prices of both school years."""
    world.users[OPERATOR.username] = create_operator(password=PASSWORD, date_joined=world.at)
    create_seller_and_summary()
    for year in (world.story.ends_in, world.story.ends_in + 1):
        starts_on = datetime.date(year - 1, 9, 1)
        school_year, _ = SchoolYear.objects.update_or_create(
            ends_on=datetime.date(year, 8, 31),
            defaults={"starts_on": starts_on, "sold_from": starts_on - _SOLD_BEFORE},
        )
        set_prices(school_year)


def load_directory(world: YearWorld) -> None:
    """Read the directory of schools and the calendar of their holidays."""
    path = settings.DATA / "annuaire-annee.csv"
    write_csv(path, list_rows())
    synchronise(path=path, full=True, accept_closures=False, by=None, at=world.at)
    calendar = settings.DATA / "vacances.json"
    world.story.terms.write_file(calendar)
    load_calendar(path=calendar)


def open_office(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the operator open an office, and its manager be invited."""
    world.offices[office.slug] = open_one(
        name=office.name,
        kind=office.kind,
        siren=office.siren,
        slug=office.slug,
        key_prefix=office.key_prefix,
        contact_name=str(office.officer.first_name + " " + office.officer.last_name),
        contact_phone="04 66 00 00 00",
        manager_email=office.manager.email,
        **world.by(OPERATOR),
    )


def join_office(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the manager join, and invite the buyer and the data officer, who join as well."""
    _join(world, office, office.manager)
    roles = {office.buyer: [Role.BUYER], office.officer: [Role.DATA_OFFICER]}
    with tenant_context(world.office(office)):
        for person, wanted in roles.items():
            invite(email=person.email, roles=wanted, **world.by(office.manager))


def accept_membership(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the buyer and the data officer join by their letters."""
    for person in (office.buyer, office.officer):
        _join(world, office, person)


def fill_portfolio(world: YearWorld, *, office: OfficeStory) -> None:
    """Add the collectivity's schools to its portfolio."""
    uais = [plan.uai for plan in world.story.plans if plan.office is office]
    with tenant_context(world.office(office)):
        add_to_portfolio(uais=uais, **world.by(office.manager))


def present_office(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the manager say where schools reply to, and whom they call."""
    with tenant_context(world.office(office)):
        set_presentation(
            sender_name=office.name,
            reply_to=f"education@{office.slug}.example",
            signature=f"{office.name}, direction de l'éducation",
            contact_name=f"{office.manager.first_name} {office.manager.last_name}",
            contact_phone="04 66 00 00 00",
            **world.by(office.manager),
        )


def stop_weekly_letter(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the data officer turn off the letter of the week."""
    with tenant_context(world.office(office)):
        member = Member.objects.active().get(user=world.user(office.officer))
        choose_letters(member=member, wanted={Letter.WEEKLY: False}, at=world.at)


def _join(world: YearWorld, office: OfficeStory, person: DemoPerson) -> None:
    text = world.book.find_latest(person.email).text
    names = {"username": person.username, "first_name": person.first_name, "last_name": person.last_name}
    world.users[person.username] = join_by_letter(text, world.office(office), at=world.at, **names)
