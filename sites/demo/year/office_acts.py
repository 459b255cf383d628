"""Acts of offices and of the operator in the simulated year: set-up, purchases, gifts, rebalancing and renewal."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal

from allauth.account.models import EmailAddress
from django.conf import settings
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities.letters import choose_letters
from collectivities.models import Letter, Member, Role
from collectivities.operations.members import invite, join_with_new_account
from collectivities.operations.offices import open_office as open_one
from collectivities.operations.offices import set_presentation
from collectivities.operations.portfolio import add_to_portfolio
from core.connections import connected_as_owner
from licensing.catalogue.models import PriceBand, SchoolTier, SchoolYear, Seller
from licensing.catalogue.operations import get_licence_product
from schools.directory.operations import synchronise
from schools.operations import load_calendar
from sites.demo.directory import write_csv
from sites.demo.people import PASSWORD, DemoPerson
from sites.demo.shop import PRICE_BANDS, SELLER, SUMMARY, TIERS
from sites.demo.year.places import OPERATOR, OfficeStory, list_rows
from sites.demo.year.world import YearWorld

_INVITATION = re.compile(r"/invitation/#jeton=(\S+)")
#: Days before it begins from which a school year is sold.
_SOLD_BEFORE = datetime.timedelta(days=120)


def open_shop(world: YearWorld) -> None:
    """Create the operator, the seller and the prices of both school years."""
    with connected_as_owner("Le compte d'exploitation de la démonstration"):
        user = User.objects.create(
            username=OPERATOR.username, email=OPERATOR.email, password=world.password_hash,
            first_name=OPERATOR.first_name, last_name=OPERATOR.last_name, is_staff=True, is_superuser=True,
            date_joined=world.at,
        )  # fmt: skip
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    world.users[OPERATOR.username] = user
    Seller.objects.create(pk=1, **SELLER)
    product = get_licence_product()
    product.summary = SUMMARY
    product.save(update_fields=["summary"])
    for year in (world.story.ends_in, world.story.ends_in + 1):
        starts_on = datetime.date(year - 1, 9, 1)
        school_year, _ = SchoolYear.objects.update_or_create(
            ends_on=datetime.date(year, 8, 31),
            defaults={"starts_on": starts_on, "sold_from": starts_on - _SOLD_BEFORE},
        )
        sold = {"product": product, "school_year": school_year}
        SchoolTier.objects.bulk_create(
            SchoolTier(**sold, from_classes=first, to_classes=last, price_ttc=Decimal(price))
            for first, last, price in TIERS
        )
        PriceBand.objects.bulk_create(
            PriceBand(**sold, from_units=first, unit_ht=Decimal(price)) for first, price in PRICE_BANDS
        )


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
        by=world.user(OPERATOR),
        at=world.at,
    )


def join_office(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the manager join, and invite the buyer and the data officer, who join as well."""
    _join(world, office, office.manager)
    roles = {office.buyer: [Role.BUYER], office.officer: [Role.DATA_OFFICER]}
    with tenant_context(world.office(office)):
        for person, wanted in roles.items():
            invite(email=person.email, roles=wanted, by=world.user(office.manager), at=world.at)


def accept_membership(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the buyer and the data officer join by their letters."""
    for person in (office.buyer, office.officer):
        _join(world, office, person)


def fill_portfolio(world: YearWorld, *, office: OfficeStory) -> None:
    """Add the collectivity's schools to its portfolio."""
    uais = [plan.uai for plan in world.story.plans if plan.office is office]
    with tenant_context(world.office(office)):
        add_to_portfolio(uais=uais, by=world.user(office.manager), at=world.at)


def present_office(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the manager say where schools reply to, and whom they call."""
    with tenant_context(world.office(office)):
        set_presentation(
            sender_name=office.name,
            reply_to=f"education@{office.slug}.example",
            signature=f"{office.name}, direction de l'éducation",
            contact_name=f"{office.manager.first_name} {office.manager.last_name}",
            contact_phone="04 66 00 00 00",
            by=world.user(office.manager),
            at=world.at,
        )


def stop_weekly_letter(world: YearWorld, *, office: OfficeStory) -> None:
    """Have the data officer turn off the letter of the week."""
    with tenant_context(world.office(office)):
        member = Member.objects.active().get(user=world.user(office.officer))
        choose_letters(member=member, wanted={Letter.WEEKLY: False}, at=world.at)


def _join(world: YearWorld, office: OfficeStory, person: DemoPerson) -> None:
    token = _INVITATION.search(world.book.find_latest(person.email).text)
    if token is None:
        raise LookupError(f"The invitation of {person.username} has no link.")
    with tenant_context(world.office(office)):
        member = join_with_new_account(
            token=token[1],
            username=person.username,
            first_name=person.first_name,
            last_name=person.last_name,
            password=PASSWORD,
            at=world.at,
        )
    world.users[person.username] = member.user
