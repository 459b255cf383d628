"""The reminders of the renewal: to whom, on which days, what they say, and what ends them."""

import datetime
from functools import partial

import pytest
from django.utils import timezone

from collectivities import letters
from collectivities.capabilities import Role
from collectivities.letters import choose_letters
from collectivities.models import Letter, Member, MemberLetter
from core.calendar import PARIS
from jobs.models import DueWork
from licensing.catalogue.models import PriceBand
from licensing.entitlements.models import Entitlement
from licensing.plans.renewals import emails
from licensing.plans.renewals.tasks import remind_buyers
from licensing.pools.models import Pool
from mailing import kinds, mime
from mailing.kinds import NoLongerDue
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.races import run_concurrently, three_rounds
from tests.renewals.renewed_office import RenewedOffice

pytestmark = pytest.mark.slow


def moment(year, month, day, hour=8):
    return datetime.datetime(year, month, day, hour, tzinfo=PARIS)


#: 1 August 2027 is a Sunday.
APRIL, JUNE, AUGUST = moment(2027, 4, 1), moment(2027, 6, 1), moment(2027, 8, 2)


@pytest.fixture
def bought(nimes):
    """An office that bought its licences of the year, and its buyer, Ali."""
    buyer = MemberFactory(roles=[Role.BUYER], user=UserFactory(first_name="Ali", email="ali@nimes.example"))
    PurchaseFactory(paid=True, units=20, by=buyer.user)
    DueWork.objects.all().delete()
    return RenewedOffice(nimes)


@pytest.fixture
def clock(monkeypatch):
    def set_to(at):
        monkeypatch.setattr(timezone, "now", lambda: at)

    return set_to


def list_reminders():
    return list(Message.objects.filter(kind=emails.REMINDER_KIND).order_by("pk"))


def read(clock, at=APRIL):
    clock(at)
    letter = kinds.get(emails.REMINDER_KIND).render(list_reminders()[-1])
    return letter, letter.text.replace("\xa0", " ").replace("\u202f", " ")


# --- What it says -----------------------------------------------------------------------------------------------------


def test_the_buyer_reads_the_year_the_proposal_its_price_and_one_link(bought, clock):
    assert emails.run(at=APRIL) == 1
    letter, text = read(clock)
    assert letter.subject.replace("\xa0", " ") == (
        "Licences Pep's 2027-2028 de la Ville de Nîmes : votre décision est attendue"
    )
    assert text.startswith(
        "Bonjour Ali,\n\n"
        "Cette année, 3 écoles ont 13 licences, dont 7 sont utilisées aujourd'hui.\n\n"
        "Proposition pour 2027-2028 : 9 licences, soit environ 315 € HT.\n\n"
        "Vous pouvez changer chaque nombre, en faire un devis et commander ; ou dire que vous ne reconduisez pas."
        " Les licences d'aujourd'hui prennent fin le 31 août 2027.\n\n"
        "Ouvrir la proposition :\nhttp://nimes.peps.localhost/reconduire/\n"
    )
    assert "en avril, en juin et en août, tant que la reconduction n'est ni commandée ni écartée" in text
    assert "parce que vous êtes acheteur du bureau de la Ville de Nîmes" in text
    composed = mime.compose(list_reminders()[0], letter, at=APRIL).message()
    assert composed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_without_prices_the_letter_says_so(bought, clock):
    emails.run(at=APRIL)
    PriceBand.objects.filter(school_year__ends_on__year=2028).delete()
    assert "9 licences. Les tarifs de 2027-2028 ne sont pas encore publiés." in read(clock)[1]


def test_the_buyer_decides_as_well_where_nothing_is_proposed_as_no_school_uses_its_licences(nimes, clock):
    PurchaseFactory(paid=True, units=20)
    allocate_units(Pool.objects.get(), SchoolFactory(), units=3)
    assert emails.run(at=APRIL) == 1
    _, text = read(clock)
    assert "Cette année, 1 école a 3 licences, dont aucune n'est utilisée aujourd'hui." in text
    assert "\n\nProposition pour 2027-2028 : aucune licence.\n\nVous pouvez changer chaque nombre" in text


def test_a_quote_that_waits_is_reminded_of_as_one(bought, clock):
    bought.order(at=APRIL)
    assert emails.run(at=JUNE) == 1
    letter, text = read(clock, JUNE)
    assert letter.subject.endswith("commande à passer")
    assert "Un devis est établi ; la commande reste à passer avant la rentrée de septembre 2027." in text


# --- When, and until when ---------------------------------------------------------------------------------------------


@pytest.mark.small
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (TERM, APRIL),
        (moment(2027, 4, 1, 7), APRIL),
        (APRIL, JUNE),
        (JUNE, AUGUST),
        (AUGUST, moment(2028, 4, 3)),
    ],
)
def test_reminders_leave_on_the_first_working_day_of_three_months(at, expected):
    assert letters.get_next_renewal_moment(at) == expected


@pytest.mark.parametrize(
    "days",
    [
        [
            moment(2027, 3, 31), APRIL, moment(2027, 4, 2), moment(2027, 5, 3), JUNE, moment(2027, 6, 2),
            moment(2027, 7, 31), moment(2027, 8, 1), AUGUST, moment(2027, 8, 31),
        ],
        pytest.param(
            [moment(2027, 3, 29) + datetime.timedelta(days=number) for number in range(156)], marks=pytest.mark.slow
        ),
    ],
    ids=["some_days", "each_day"],
)  # fmt: skip
def test_three_months_have_one_letter_each_while_nothing_is_decided(bought, days):
    sent = [day for day in days if emails.write_reminders(at=day)]
    # Run by hand on each day; by due work only on the first working one.
    assert sent == [APRIL, JUNE, moment(2027, 8, 1)]


@pytest.mark.parametrize("end", ["decline", "order", "apply", "zero"])
def test_what_is_decided_is_not_reminded_of(bought, clock, end):
    emails.run(at=APRIL)
    at = APRIL + datetime.timedelta(hours=1)
    if end == "decline":
        bought.decline(at=at)
    elif end == "zero":
        bought.edit({bought.jaures.school.pk: 0, bought.curie.school.pk: 0}, at=at)
    else:
        bought.place(bought.order(at=at), at=at)
        if end == "apply":
            bought.apply(at=at)
    with pytest.raises(NoLongerDue):
        read(clock, at)
    assert emails.run(at=JUNE) == 0


def test_a_renewal_that_is_reopened_is_reminded_of_again(bought):
    bought.decline(at=APRIL)
    assert emails.run(at=JUNE) == 0
    bought.reopen(at=JUNE)
    assert emails.run(at=AUGUST) == 1


@pytest.mark.parametrize("bought_by", ["grant", "suspended"])
def test_an_office_that_did_not_buy_is_not_reminded(nimes, bought_by):
    MemberFactory(roles=[Role.BUYER])
    if bought_by == "suspended":
        PurchaseFactory(paid=True, units=20)
        Entitlement.objects.update(suspended_at=TERM)
    RenewedOffice(nimes)
    assert emails.run(at=APRIL) == 0
    assert not DueWork.objects.filter(kind=letters.RENEWAL_REMINDERS, due_at=JUNE).exists()


def test_a_purchase_has_its_office_looked_at_in_april_and_each_look_schedules_the_next(nimes, clock):
    PurchaseFactory(paid=True, units=20)
    work = DueWork.objects.get(kind=letters.RENEWAL_REMINDERS)
    assert (work.schema, work.due_at) == ("c_nimes", APRIL)
    DueWork.objects.all().delete()
    clock(APRIL)
    remind_buyers()
    assert DueWork.objects.get().due_at == JUNE


@pytest.mark.parametrize(
    ("at", "next_look"), [(moment(2027, 4, 1, 18), moment(2027, 4, 2)), (moment(2027, 6, 5), moment(2027, 6, 7))]
)
def test_nothing_leaves_in_the_evening_or_on_a_weekend(bought, at, next_look):
    DueWork.objects.all().delete()
    assert emails.run(at=at) == 0
    assert DueWork.objects.get().due_at == next_look
    assert emails.run(at=next_look) == 1


@pytest.mark.parametrize("at", [moment(2027, 4, 3), moment(2027, 5, 3)])
def test_a_reminder_that_was_kept_waiting_is_dropped(bought, clock, at):
    emails.run(at=APRIL)
    with pytest.raises(NoLongerDue):
        read(clock, at)


# --- To whom ----------------------------------------------------------------------------------------------------------


def test_managers_are_reminded_where_nobody_buys_and_nobody_where_the_buyer_does_not_want_it(bought, clock):
    MemberFactory(user=UserFactory(email="nadia@nimes.example"))
    MemberFactory(roles=[Role.DATA_OFFICER])
    buyer = Member.objects.get(user__email="ali@nimes.example")
    choose_letters(member=buyer, wanted={Letter.RENEWAL: False}, at=TERM)
    assert emails.run(at=APRIL) == 0
    choose_letters(member=buyer, wanted={Letter.RENEWAL: True}, at=TERM)
    emails.run(at=APRIL)
    choose_letters(member=buyer, wanted={Letter.RENEWAL: False}, at=TERM)
    with pytest.raises(NoLongerDue):
        read(clock)
    Member.objects.filter(pk=buyer.pk).update(left_at=APRIL)
    emails.run(at=JUNE)
    assert [message.recipient for message in list_reminders()] == ["ali@nimes.example", "nadia@nimes.example"]


# --- Races ------------------------------------------------------------------------------------------------------------


@three_rounds
def test_eight_workers_remind_a_buyer_once(committing, race_round):
    buyer = MemberFactory(roles=[Role.BUYER])
    PurchaseFactory(paid=True, units=20, by=buyer.user)
    RenewedOffice(committing)
    sent = run_concurrently(committing.schema_name, [partial(emails.run, at=APRIL)] * 8, expected_errors=())
    assert sum(sent) == len(list_reminders()) == MemberLetter.objects.count() == 1
