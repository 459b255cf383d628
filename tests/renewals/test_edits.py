"""The numbers of a list: typed, set as a whole, declined; what another member changed is refused."""

import datetime

import pytest

from collectivities.models import AuditEntry
from core.calendar import PARIS
from licensing.plans.renewals import operations, queries
from licensing.plans.renewals.models import Renewal, RenewalLine, RenewalState
from licensing.plans.renewals.operations import RenewalChanged
from schools.models import School
from tests.refusals import refuses
from tests.renewals.renewed_office import MAY, YEAR, RenewedOffice

pytestmark = pytest.mark.slow


@pytest.fixture
def renewed(nimes):
    return RenewedOffice(nimes)


def test_a_proposal_has_no_row_until_somebody_changes_it(renewed):
    assert (renewed.read().version, Renewal.objects.exists()) == (0, False)
    found = renewed.edit({renewed.zola.pk: 2})
    assert (found.version, renewed.units()) == (1, (6, 3, 2, 0))
    line = RenewalLine.objects.get()
    assert (line.school_id, line.units, line.typed) == (renewed.zola.pk, 2, True)


def test_a_typed_number_stays_and_the_others_follow_the_year(renewed):
    renewed.edit({renewed.curie.school.pk: 4})
    for _ in range(2):
        renewed.jaures.assign(at=MAY)
    assert renewed.units() == (7, 4, 0, 0)


def test_the_proposed_number_is_the_proposal_again(renewed):
    renewed.edit({renewed.zola.pk: 2, renewed.verne.pk: 1})
    renewed.edit({renewed.zola.pk: 0, renewed.verne.pk: None})
    assert not RenewalLine.objects.exists()
    assert renewed.units() == (6, 3, 0, 0)


def test_what_changes_nothing_is_no_change(renewed):
    found = renewed.edit({renewed.jaures.school.pk: 6})
    assert (found.version, AuditEntry.objects.filter(action="renewals.edited").count()) == (0, 0)


def test_a_change_is_one_line_of_the_journal(renewed):
    renewed.edit({renewed.zola.pk: 2, renewed.verne.pk: 1})
    entry = AuditEntry.objects.get(action="renewals.edited")
    words = "Reconduction 2027-2028 : 2 écoles changées, 12 licences en tout."
    assert entry.summary.replace("\xa0", " ") == words


@pytest.mark.parametrize(
    ("choice", "units"), [("this_year", (8, 2, 3, 0)), ("nothing", (0, 0, 0, 0)), ("proposal", (6, 3, 0, 0))]
)
def test_the_whole_list_is_set_at_once(renewed, choice, units):
    renewed.edit({renewed.verne.pk: 5})
    renewed.edit_all(choice)
    assert renewed.units() == units


def test_a_closed_school_gets_nothing_of_any_choice(renewed):
    School.objects.filter(pk=renewed.jaures.school.pk).update(state="closed", closed_at=MAY)
    renewed.edit_all("this_year")
    assert renewed.units() == (0, 2, 3, 0)
    with refuses("invalid_renewal_line", match="fermée"):
        renewed.edit({renewed.jaures.school.pk: 1})


@pytest.mark.parametrize("number", [-1, 201, 10**12])
def test_a_number_that_no_school_has_is_refused(renewed, number):
    with refuses("invalid_renewal_line", match="de 0 à 200"):
        renewed.edit({renewed.zola.pk: number})
    assert not Renewal.objects.exists()


def test_a_school_that_the_list_has_not_is_refused(renewed):
    with refuses("invalid_renewal_line"):
        renewed.edit({"0300000A": 1})


def test_whoever_saw_an_older_list_overwrites_nothing(renewed):
    renewed.edit({renewed.zola.pk: 2})
    with pytest.raises(RenewalChanged, match="Rien n'est fait"):
        renewed.edit({renewed.zola.pk: 3}, version=0)
    with pytest.raises(RenewalChanged):
        renewed.edit_all("nothing", version=0)
    assert renewed.units() == (6, 3, 2, 0)


@pytest.mark.small
@pytest.mark.parametrize(
    ("day", "years"),
    [((2027, 3, 31), []), ((2027, 4, 1), [2028]), ((2027, 8, 31), [2028]), ((2027, 9, 1), [])],
)
def test_a_renewal_is_open_from_april_to_august(nimes, day, years):
    assert queries.list_years(datetime.date(*day)) == years


def test_nothing_is_prepared_before_its_day(renewed):
    with refuses("renewal_not_open", match=r"1er.avril 2027"):
        renewed.edit({renewed.zola.pk: 2}, at=datetime.datetime(2027, 3, 31, 12, tzinfo=PARIS))
    with refuses("renewal_not_open"):
        operations.edit_lines(year=2031, version=0, units={renewed.zola.pk: 2}, by=None, at=MAY)


def test_a_list_that_was_begun_can_be_finished_in_september(renewed):
    renewed.edit({renewed.zola.pk: 2})
    september = datetime.datetime(2027, 9, 3, 10, tzinfo=PARIS)
    assert queries.list_years(september.date()) == [YEAR]
    renewed.edit({renewed.zola.pk: 1}, at=september)


def test_a_declined_renewal_says_why_and_can_be_reopened(renewed):
    assert queries.find_state(YEAR) == RenewalState.OPEN
    renewed.decline(" Le budget \n n'a pas été voté. ")
    assert (Renewal.objects.get().decline_reason, queries.find_state(YEAR)) == (
        "Le budget n'a pas été voté.",
        RenewalState.DECLINED,
    )
    for act in (renewed.decline, renewed.order, lambda: renewed.edit({renewed.zola.pk: 2})):
        with refuses("wrong_renewal_state", match="laissée sans suite"):
            act()
    renewed.reopen()
    assert queries.find_state(YEAR) == RenewalState.OPEN
    with refuses("wrong_renewal_state"):
        renewed.reopen()


@pytest.mark.parametrize("reason", ["", "  \n ", "a" * 301])
def test_a_reason_is_one_sentence(renewed, reason):
    with refuses("invalid_reason"):
        renewed.decline(reason)
    assert not Renewal.objects.exists()
