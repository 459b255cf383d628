"""The weekly letter: to whom it comes, and what ends it."""

import pytest
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from collectivities.letters import choose_letters
from collectivities.models import Letter, Member, MemberLetter, OfficeSettings
from licensing.catalogue.models import SchoolYear
from licensing.orders import operations as orders
from licensing.plans.renewals import emails as renewal_letters
from licensing.requests.school_requests import emails
from mailing import kinds
from mailing.kinds import NoLongerDue
from mailing.models import Message
from sites.office import weekly_letter
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.renewals.renewed_office import YEAR_ENDS, RenewedOffice
from tests.requests.asking_school import AskingSchool
from tests.sites.office.weekly_letter.letters import (
    DAY,
    MONDAY,
    give_all,
    give_back,
    list_letters,
    list_recipients,
    moment,
    read,
    upload_table,
)

pytestmark = pytest.mark.slow


def test_each_role_gets_what_it_can_do_and_no_letter_where_that_is_nothing(pool, nimes, clock):
    people = {role: MemberFactory(roles=[role], user=UserFactory(email=f"{role}@nimes.example")) for role in Role}
    upload_table(pool)
    assert weekly_letter.run(at=MONDAY) == 2
    assert sorted(list_recipients()) == ["data_officer@nimes.example", "manager@nimes.example"]
    MemberLetter.objects.all().delete()
    allocate_units(pool, SchoolFactory(), units=95)
    weekly_letter.run(at=MONDAY)
    assert "buyer@nimes.example" in list_recipients()
    assert "viewer@nimes.example" not in list_recipients()
    clock(MONDAY)
    buyers = kinds.get(weekly_letter.WEEKLY_KIND).render(Message.objects.filter(recipient="buyer@nimes.example").get())
    assert "Acheter des licences" in buyers.text
    assert "tableau" not in buyers.text
    assert "licences restent à donner" not in buyers.text
    assert people[Role.BUYER].user.first_name in buyers.text


def test_a_reader_gets_it_where_they_chose_it_and_may_open_its_links(pool, nimes, clock, office):
    reader = MemberFactory(roles=[Role.VIEWER])
    give_back(pool)
    allocate_units(pool, SchoolFactory(), units=94)
    PortfolioSchoolFactory()
    assert weekly_letter.run(at=MONDAY) == 0
    choose_letters(member=reader, wanted={Letter.WEEKLY: True}, at=TERM)
    assert weekly_letter.run(at=MONDAY) == 1
    text = read(clock).text
    browser = office("nimes", reader.user)
    links = [line.split(" : ")[1] for line in text.splitlines() if line.startswith("  ")]
    assert len(links) == 2
    for link in links:
        assert browser.get(link.removeprefix("http://nimes.peps.localhost").partition("#")[0]).status_code == 200


def test_whoever_left_or_chose_not_to_gets_none(pool, manager, clock):
    weekly_letter.run(at=MONDAY)
    choose_letters(member=manager, wanted={Letter.WEEKLY: False}, at=TERM)
    clock(MONDAY)
    with pytest.raises(NoLongerDue):
        kinds.get(weekly_letter.WEEKLY_KIND).render(list_letters()[0])
    assert weekly_letter.run(at=MONDAY + 7 * DAY) == 0
    choose_letters(member=manager, wanted={Letter.WEEKLY: True}, at=TERM)
    Member.objects.update(left_at=TERM)
    assert weekly_letter.run(at=MONDAY + 7 * DAY) == 0


def test_what_was_done_meanwhile_ends_the_letter(pool, manager, clock):
    weekly_letter.run(at=MONDAY)
    give_all(pool)
    with pytest.raises(NoLongerDue):
        read(clock)


def test_a_member_of_two_offices_gets_one_letter_of_each(pool, manager, gard):
    with tenant_context(gard):
        orders.grant(collectivity=gard, licences=9, reason="Essai", name="Lot G", by=None, at=TERM)
        MemberFactory(user=manager.user)
        assert weekly_letter.run(at=MONDAY) == 1
    assert weekly_letter.run(at=MONDAY) == 1


def test_requests_that_their_own_letter_had_this_week_are_not_repeated(pool, manager, nimes, clock):
    give_all(pool)
    AskingSchool().ask()
    emails.write_to_managers(MONDAY - 2 * DAY)
    assert weekly_letter.run(at=MONDAY) == 0
    # A week later they still wait, and nobody was told since.
    assert weekly_letter.run(at=MONDAY + 7 * DAY) == 1
    assert "attend votre réponse" in read(clock, MONDAY + 7 * DAY).text


@pytest.mark.small
def test_requests_reach_whom_has_turned_their_own_letter_off(pool, manager, nimes, clock):
    give_all(pool)
    AskingSchool().ask()
    assert weekly_letter.run(at=MONDAY) == 1


def test_the_renewal_is_not_repeated_to_whom_was_reminded_of_it_this_week(nimes, clock):
    OfficeSettings.objects.create(reply_to="education@nimes.example")
    buyer = MemberFactory(roles=[Role.BUYER])
    PurchaseFactory(paid=True, units=20, by=buyer.user)
    RenewedOffice(nimes)
    april, monday = moment(4, 1, year=2027), moment(4, 5, year=2027)
    assert renewal_letters.run(at=april) == 1
    assert weekly_letter.run(at=monday) == 0
    # A week later it is still to be decided.
    assert weekly_letter.run(at=monday + 7 * DAY) == 1
    assert "La reconduction pour 2027-2028 est à décider" in read(clock, monday + 7 * DAY).text


def test_who_bought_the_next_year_otherwise_has_no_renewal_to_decide(nimes, clock):
    OfficeSettings.objects.create(reply_to="education@nimes.example")
    MemberFactory(roles=[Role.BUYER])
    RenewedOffice(nimes)
    may = moment(5, 3, year=2027)
    assert weekly_letter.run(at=may) == 1
    assert "à décider" in read(clock, may).text
    MemberLetter.objects.all().delete()
    next_year = SchoolYear.objects.get(ends_on=YEAR_ENDS)
    orders.grant(collectivity=nimes, licences=9, reason="Essai", by=None, at=may, school_year=next_year)
    assert weekly_letter.run(at=may) == 0
