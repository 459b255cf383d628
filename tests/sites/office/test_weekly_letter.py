"""The weekly letter: to whom, on which day, what it says, and what ends it."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities import letter_days
from collectivities.models import Letter, Member, MemberLetter, OfficeSettings, Role
from collectivities.operations.letters import choose_letters
from core.calendar import PARIS
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from jobs.models import DueWork
from licensing.catalogue.models import SchoolYear
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.orders import operations as orders
from licensing.pools.models import Allocation
from licensing.pools.positions import list_pool_positions
from licensing.renewals import reminders
from licensing.requests import notifications
from licensing.returns.models import LicenceReturn
from mailing import kinds, mime
from mailing.kinds import NoLongerDue
from mailing.models import Message, MessageState
from sites.office.tasks import write_weekly_letters
from sites.office.weekly_letter import writing
from sites.office.weekly_letter.week_events import find_week_events
from tests.conftest import TERM
from tests.emails import BOUNCE_FIELDS
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed
from tests.renewals.renewed_office import YEAR_ENDS, RenewedOffice
from tests.requests.asking_school import AskingSchool

DAY = datetime.timedelta(days=1)


def moment(month, day, hour=8, *, year=2026, minute=0):
    return datetime.datetime(year, month, day, hour, minute, tzinfo=PARIS)


#: The Monday after `TERM`.
MONDAY = moment(11, 30)


@pytest.fixture
def pool(nimes):
    OfficeSettings.objects.create(reply_to="education@nimes.example")
    return orders.grant(collectivity=nimes, licences=100, reason="Essai", name="Lot A", by=None, at=TERM)


@pytest.fixture
def manager(nimes):
    return MemberFactory(user=UserFactory(first_name="Nadia", email="nadia@nimes.example"))


@pytest.fixture
def clock(monkeypatch):
    def set_to(at):
        monkeypatch.setattr(timezone, "now", lambda: at)

    return set_to


def give_back(pool):
    """Have a school that has had six licences for a month give back four, on the Friday before."""
    given = allocate_units(pool, SchoolFactory(), units=6)
    mark_redeemed(given, PrincipalFactory())
    Entitlement.objects.filter(pk=pool.entitlement_id).update(first_day=(MONDAY - 30 * DAY).date())
    Allocation.objects.filter(pk=given.pk).update(created_at=MONDAY - 30 * DAY)
    ActivationKey.objects.filter(pk=given.key_id).update(redeemed_at=MONDAY - 30 * DAY)
    LicenceReturn.objects.create(
        key_id=given.key_id, units=4, returned_at=MONDAY - 3 * DAY, returned_by=PrincipalFactory()
    )


def upload_table(pool):
    """Have a table wait for its verification."""
    SpreadsheetImport.objects.create(
        pool=pool, filename="a.xlsx", size=1, sha256="0" * 64, state=ImportState.CHECKED, created_at=TERM
    )


def give_all(pool):
    """Have the lot used up, by the only school of the portfolio."""
    allocate_units(pool, PortfolioSchoolFactory().school, units=100)


def list_letters():
    return list(Message.objects.filter(kind=writing.WEEKLY_KIND).order_by("pk"))


def list_recipients():
    return [message.recipient for message in list_letters()]


def read(clock, at=MONDAY):
    """Render the last letter at a moment."""
    clock(at)
    return kinds.get(writing.WEEKLY_KIND).render(list_letters()[-1])


# --- What it says -----------------------------------------------------------------------------------------------------


def test_the_letter_says_what_the_home_page_says_with_a_link_to_each_place(pool, manager, clock):
    lost = allocate_units(pool, SchoolFactory(), units=3)
    Message.objects.filter(topic_id=lost.pk).update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    assert writing.run(at=MONDAY) == 1
    letter = read(clock)
    assert letter.subject.replace("\xa0", " ") == "Cette semaine au bureau de la Ville de Nîmes : 2 points à voir"
    text = letter.text.replace("\xa0", " ")
    assert text.startswith(
        "Bonjour Nadia,\n\nVoici ce qui attend un geste de votre part au bureau de la Ville de Nîmes."
    )
    assert (
        "- 1 e-mail n'est pas arrivé à son école.\n"
        "  Corriger l'adresse et renvoyer : http://nimes.peps.localhost/attributions/adresses/\n"
    ) in text
    assert ("- 97 licences restent à donner.\n  Distribuer : http://nimes.peps.localhost/distribuer/\n") in text
    assert "parce que vous êtes gestionnaire du bureau de la Ville de Nîmes et que quelque chose y attend" in text
    assert 'href="http://nimes.peps.localhost/attributions/adresses/"' in letter.html


def test_the_letter_offers_its_off_switch_in_one_click(pool, manager, clock):
    writing.run(at=MONDAY)
    [message] = list_letters()
    composed = mime.compose(message, read(clock), at=MONDAY).message()
    assert composed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert composed["List-Unsubscribe"].startswith("<http://nimes.peps.localhost/mes-e-mails/arreter/")


def test_what_happened_in_the_week_is_in_it(pool, manager, clock):
    give_back(pool)
    PortfolioSchoolFactory()
    PortfolioSchoolFactory()
    # With licences still to give, there is nothing to take from anybody.
    assert not find_week_events(list_pool_positions(), MONDAY).lacks_free_licences
    allocate_units(pool, SchoolFactory(), units=93)
    assert find_week_events(list_pool_positions(), MONDAY).lacks_free_licences
    writing.run(at=MONDAY)
    text = read(clock).text.replace("\xa0", " ")
    assert "En sept jours, 1 école a rendu 4 licences : elles sont de nouveau libres dans leur lot." in text
    assert (
        "2 écoles de votre périmètre n'ont aucune licence, alors que 6 licences données ne servent pas.\n"
        "  Rééquilibrer : http://nimes.peps.localhost/distribuer/reequilibrer/"
    ) in text
    # A week later the letter has something else to say.
    upload_table(pool)
    assert writing.run(at=MONDAY + 7 * DAY) == 1
    assert "a rendu" not in read(clock, MONDAY + 7 * DAY).text


@pytest.mark.parametrize(
    ("last_day", "announced"),
    [
        (datetime.date(2026, 12, 29), True),
        (datetime.date(2026, 12, 8), True),
        (datetime.date(2026, 12, 22), False),
        (datetime.date(2027, 8, 31), False),
    ],
)
def test_the_end_of_a_lot_is_announced_four_weeks_and_one_week_before(pool, manager, clock, last_day, announced):
    Entitlement.objects.update(last_day=last_day)
    writing.run(at=MONDAY)
    assert ("« Lot A » se termine le" in read(clock).text.replace("\xa0", " ")) == announced


def test_a_letter_of_many_lines_leaves_the_others_to_the_home_page(nimes, manager, clock):
    for number in range(14):
        lot = orders.grant(collectivity=nimes, licences=5, reason="Essai", name=f"Lot {number}", by=None, at=TERM)
        Entitlement.objects.filter(pk=lot.entitlement_id).update(suspended_at=TERM)
    writing.run(at=MONDAY)
    letter = read(clock)
    assert letter.html.count("<li ") == 12
    assert "3 autres points sont sur la page d'accueil du bureau." in letter.text.replace("\xa0", " ")


# --- To whom ----------------------------------------------------------------------------------------------------------


def test_each_role_gets_what_it_can_do_and_no_letter_where_that_is_nothing(pool, nimes, clock):
    people = {role: MemberFactory(roles=[role], user=UserFactory(email=f"{role}@nimes.example")) for role in Role}
    upload_table(pool)
    assert writing.run(at=MONDAY) == 2
    assert sorted(list_recipients()) == ["data_officer@nimes.example", "manager@nimes.example"]
    MemberLetter.objects.all().delete()
    allocate_units(pool, SchoolFactory(), units=95)
    writing.run(at=MONDAY)
    assert "buyer@nimes.example" in list_recipients()
    assert "viewer@nimes.example" not in list_recipients()
    clock(MONDAY)
    buyers = kinds.get(writing.WEEKLY_KIND).render(Message.objects.filter(recipient="buyer@nimes.example").get())
    assert "Acheter des licences" in buyers.text
    assert "tableau" not in buyers.text
    assert "licences restent à donner" not in buyers.text
    assert people[Role.BUYER].user.first_name in buyers.text


def test_a_reader_gets_it_where_they_chose_it_and_may_open_its_links(pool, nimes, clock, office):
    reader = MemberFactory(roles=[Role.VIEWER])
    give_back(pool)
    allocate_units(pool, SchoolFactory(), units=94)
    PortfolioSchoolFactory()
    assert writing.run(at=MONDAY) == 0
    choose_letters(member=reader, wanted={Letter.WEEKLY: True}, at=TERM)
    assert writing.run(at=MONDAY) == 1
    text = read(clock).text
    browser = office("nimes", reader.user)
    links = [line.split(" : ")[1] for line in text.splitlines() if line.startswith("  ")]
    assert len(links) == 2
    for link in links:
        assert browser.get(link.removeprefix("http://nimes.peps.localhost").partition("#")[0]).status_code == 200


def test_whoever_left_or_chose_not_to_gets_none(pool, manager, clock):
    writing.run(at=MONDAY)
    choose_letters(member=manager, wanted={Letter.WEEKLY: False}, at=TERM)
    clock(MONDAY)
    with pytest.raises(NoLongerDue):
        kinds.get(writing.WEEKLY_KIND).render(list_letters()[0])
    assert writing.run(at=MONDAY + 7 * DAY) == 0
    choose_letters(member=manager, wanted={Letter.WEEKLY: True}, at=TERM)
    Member.objects.update(left_at=TERM)
    assert writing.run(at=MONDAY + 7 * DAY) == 0


def test_nothing_to_do_no_letter(pool, manager, clock):
    give_all(pool)
    assert writing.run(at=MONDAY) == 0
    assert not MemberLetter.objects.exists()


def test_what_a_letter_had_comes_again_after_four_weeks(pool, manager):
    weeks = [MONDAY + 7 * n * DAY for n in range(6)]
    assert [writing.run(at=at) for at in weeks] == [1, 0, 0, 0, 1, 0]


def test_a_line_is_news_once_whatever_its_numbers(pool, manager):
    weeks = [MONDAY + 7 * n * DAY for n in range(7)]
    assert writing.run(at=weeks[0]) == 1
    # 100 licences were left to give, then 97.
    allocate_units(pool, SchoolFactory(), units=3)
    assert writing.run(at=weeks[1]) == 0
    upload_table(pool)
    assert [writing.run(at=at) for at in weeks[2:4]] == [1, 0]
    # What is done is no news, and what had a letter a month ago had one again meanwhile.
    SpreadsheetImport.objects.all().delete()
    assert [writing.run(at=at) for at in weeks[4:]] == [0, 0, 1]


def test_advice_is_news_once_a_year(pool, nimes):
    MemberFactory(roles=[Role.BUYER])
    allocate_units(pool, SchoolFactory(), units=95)
    weeks = [MONDAY + 7 * n * DAY for n in range(16)]
    # « N'a plus que 5 licences libres. »
    assert [n for n, at in enumerate(weeks) if writing.run(at=at)] == [0]


def test_a_letter_that_was_dropped_does_not_count(pool, manager):
    writing.run(at=MONDAY)
    Message.objects.filter(kind=writing.WEEKLY_KIND).update(state=MessageState.CANCELLED)
    assert writing.run(at=MONDAY + 7 * DAY) == 1


def test_what_was_done_meanwhile_ends_the_letter(pool, manager, clock):
    writing.run(at=MONDAY)
    give_all(pool)
    with pytest.raises(NoLongerDue):
        read(clock)


def test_a_member_of_two_offices_gets_one_letter_of_each(pool, manager, gard):
    with tenant_context(gard):
        orders.grant(collectivity=gard, licences=9, reason="Essai", name="Lot G", by=None, at=TERM)
        MemberFactory(user=manager.user)
        assert writing.run(at=MONDAY) == 1
    assert writing.run(at=MONDAY) == 1


def test_requests_that_their_own_letter_had_this_week_are_not_repeated(pool, manager, nimes, clock):
    give_all(pool)
    AskingSchool().ask()
    notifications.write_to_managers(MONDAY - 2 * DAY)
    assert writing.run(at=MONDAY) == 0
    # A week later they still wait, and nobody was told since.
    assert writing.run(at=MONDAY + 7 * DAY) == 1
    assert "attend votre réponse" in read(clock, MONDAY + 7 * DAY).text


def test_requests_reach_whom_has_turned_their_own_letter_off(pool, manager, nimes, clock):
    give_all(pool)
    AskingSchool().ask()
    assert writing.run(at=MONDAY) == 1


def test_the_renewal_is_not_repeated_to_whom_was_reminded_of_it_this_week(nimes, clock):
    OfficeSettings.objects.create(reply_to="education@nimes.example")
    buyer = MemberFactory(roles=[Role.BUYER])
    PurchaseFactory(paid=True, units=20, by=buyer.user)
    RenewedOffice(nimes)
    april, monday = moment(4, 1, year=2027), moment(4, 5, year=2027)
    assert reminders.run(at=april) == 1
    assert writing.run(at=monday) == 0
    # A week later it is still to be decided.
    assert writing.run(at=monday + 7 * DAY) == 1
    assert "La reconduction pour 2027-2028 est à décider" in read(clock, monday + 7 * DAY).text


def test_who_bought_the_next_year_otherwise_has_no_renewal_to_decide(nimes, clock):
    OfficeSettings.objects.create(reply_to="education@nimes.example")
    MemberFactory(roles=[Role.BUYER])
    RenewedOffice(nimes)
    may = moment(5, 3, year=2027)
    assert writing.run(at=may) == 1
    assert "à décider" in read(clock, may).text
    MemberLetter.objects.all().delete()
    next_year = SchoolYear.objects.get(ends_on=YEAR_ENDS)
    orders.grant(collectivity=nimes, licences=9, reason="Essai", by=None, at=may, school_year=next_year)
    assert writing.run(at=may) == 0


# --- When -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (TERM, MONDAY),
        (moment(11, 30, 7), MONDAY),
        (MONDAY, moment(12, 7)),
        # Easter Monday, then a May Day on a Saturday; the year ends on a Thursday.
        (moment(3, 25, year=2027), moment(3, 30, year=2027)),
        (moment(3, 29, 9, year=2027), moment(3, 30, year=2027)),
        (moment(12, 28, 9), moment(1, 4, year=2027)),
    ],
)
def test_letters_leave_at_eight_on_the_first_working_day_of_a_week(at, expected):
    assert letter_days.get_next_weekly_moment(at) == expected


def test_a_week_has_one_letter_whatever_runs_again(pool, manager):
    assert [writing.run(at=MONDAY + days * DAY) for days in (0, 0)] == [1, 0]
    upload_table(pool)
    assert [writing.run(at=MONDAY + days * DAY) for days in (1, 4, 7)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("at", "next_look"),
    [(moment(11, 30, 18), moment(12, 1)), (moment(12, 4, 20), moment(12, 7)), (moment(12, 5), moment(12, 7))],
)
def test_nothing_leaves_in_the_evening_or_on_a_weekend(pool, manager, at, next_look):
    DueWork.objects.all().delete()
    assert writing.run(at=at) == 0
    assert DueWork.objects.get().due_at == next_look


@pytest.mark.parametrize("at", [moment(12, 5), moment(12, 7), moment(12, 12)])
def test_a_letter_that_was_kept_waiting_beyond_its_week_is_dropped(pool, manager, clock, at):
    writing.run(at=MONDAY)
    with pytest.raises(NoLongerDue):
        read(clock, at)


def test_a_lot_has_its_office_looked_at_and_the_last_look_ends_with_it(pool, clock):
    work = DueWork.objects.get(kind="office.weekly_letter")
    assert (work.schema, work.due_at) == ("c_nimes", MONDAY)
    DueWork.objects.all().delete()
    clock(MONDAY)
    write_weekly_letters()
    assert DueWork.objects.get().due_at == moment(12, 7)
    DueWork.objects.all().delete()
    clock(moment(9, 6, year=2027))
    write_weekly_letters()
    assert not DueWork.objects.exists()


def test_a_request_or_a_table_that_waits_has_an_office_without_licences_looked_at(nimes):
    AskingSchool().ask()
    writing.run(at=MONDAY)
    assert DueWork.objects.get(kind="office.weekly_letter").due_at == moment(12, 7)


# --- What it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 12])
def test_an_office_of_many_members_is_asked_little_more(pool, count, django_assert_max_num_queries):
    for _ in range(count):
        MemberFactory()
    # Three for each member, as each has their own roles; the rest is asked once.
    with django_assert_max_num_queries(30 + 3 * count):
        assert writing.run(at=MONDAY) == count
