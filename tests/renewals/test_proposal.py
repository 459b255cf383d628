"""What is proposed for each school, and why."""

import datetime

import pytest

from licensing.entitlements.seat_holders import undo_assignments
from licensing.plans.renewals.proposal import SchoolUse, propose
from licensing.requests.returns import operations as returns
from licensing.requests.school_requests.models import LicenceRequest
from schools.models import School
from tests.conftest import TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.renewals.renewed_office import MAY, RenewedOffice

pytestmark = pytest.mark.slow

SCHOOL = SchoolUse(
    uai="0300123W",
    name="École Jaurès",
    commune="Nîmes",
    is_closed=False,
    in_portfolio=True,
    classes=None,
    given=8,
    is_redeemed=True,
    given_at=TERM,
    peak=6,
    used=5,
    asks_now=0,
    asks_next=0,
    has_next=0,
)

ASKS_NINE = "6 tenues au plus, en demande 9 pour l'an prochain"
UNUSED = "clé activée, personne ne s'en est servi : à voir avec l'école"


@pytest.fixture
def renewed(nimes):
    return RenewedOffice(nimes)


@pytest.mark.small
@pytest.mark.parametrize(
    ("use", "units", "reason"),
    [
        ({}, 6, "6 tenues au plus"),
        ({"peak": 1, "used": 1}, 1, "1 tenue au plus"),
        ({"peak": 8}, 8, "toutes tenues"),
        ({"given": 1, "peak": 1}, 1, "tenue"),
        ({"peak": 8, "classes": 11}, 9, "toutes tenues, pour 11 classes"),
        ({"peak": 8, "classes": 8}, 8, "toutes tenues"),
        ({"peak": 0}, 1, UNUSED),
        ({"is_redeemed": False, "peak": 0}, 0, "clé jamais activée"),
        (
            {"is_redeemed": False, "peak": 0, "given_at": MAY - datetime.timedelta(days=10)},
            8,
            "clé donnée le 24 avril 2027, pas encore activée",
        ),
        ({"given": 0, "peak": 0}, 0, "a rendu toutes ses licences"),
        ({"given": None, "peak": 0, "is_redeemed": False}, 0, "rien cette année"),
        ({"is_closed": True}, 0, "école fermée, d'après l'annuaire"),
        ({"asks_now": 2}, 8, "6 tenues au plus, en demande 2 de plus cette année"),
        ({"asks_next": 9}, 9, ASKS_NINE),
        ({"asks_next": 3}, 6, "6 tenues au plus, en demande 3 pour l'an prochain"),
        ({"asks_next": 9, "classes": 7}, 7, f"{ASKS_NINE}, pas plus que ses 7 classes"),
        # The portfolio's number is old: six classes were used.
        ({"classes": 5}, 6, "6 tenues au plus"),
        ({"peak": 0, "classes": 0}, 0, f"{UNUSED}, aucune classe, d'après votre liste d'écoles"),
        (
            {"given": None, "peak": 0, "asks_next": 4, "classes": 1},
            1,
            "rien cette année, en demande 4 pour l'an prochain, pas plus que sa classe",
        ),
        ({"given": 900, "peak": 900}, 200, "toutes tenues"),
    ],
)
def test_the_proposal_follows_what_was_held_and_says_why(use, units, reason):
    found = propose(SCHOOL._replace(**use), MAY)
    assert (found.units, found.reason.replace("\xa0", " ")) == (units, reason)


def test_what_was_held_is_read_from_the_evenings_of_the_year(renewed):
    use = renewed.row(renewed.jaures.school).use
    assert (use.given, use.peak, use.used, use.is_redeemed) == (8, 6, 5, True)
    assert renewed.units() == (6, 3, 0, 0)
    found = renewed.read()
    assert (found.given, found.total, found.proposed, found.to_order, found.version) == (13, 9, 9, 9, 0)


def test_a_seat_that_changes_hands_within_a_day_counts_once(renewed):
    for _ in range(3):
        renewed.jaures.assign(at=MAY)
        renewed.release(at=MAY + datetime.timedelta(hours=1))
    assert renewed.row(renewed.jaures.school).use.peak == 6


def test_an_assignment_that_was_undone_was_not_held(renewed):
    seats = [renewed.jaures.assign(at=MAY) for _ in range(3)]
    undo_assignments(seat_ids=[seat.pk for seat in seats], by=renewed.jaures.principal, at=MAY)
    assert renewed.row(renewed.jaures.school).use.peak == 6


def test_requests_that_wait_count_and_those_of_another_office_do_not(renewed, gard):
    ask = {"product_id": renewed.pool.entitlement.product_id, "created_at": MAY, "asked_by": renewed.jaures.principal}
    for office, year, units in ((renewed.collectivity, 2027, 1), (gard, 2027, 5), (renewed.collectivity, 2028, 9)):
        school = renewed.verne if year == 2028 else renewed.jaures.school
        if office == gard:
            school = renewed.zola
        LicenceRequest.objects.create(school=school, collectivity=office, school_year=year, units=units, **ask)
    assert renewed.units() == (7, 3, 0, 9)


def test_what_a_school_gave_back_is_not_given_any_more(renewed):
    school = renewed.jaures
    returns.give_back(subscription_id=school.subscription.pk, units=2, by=school.principal, at=MAY)
    assert renewed.row(school.school).use.given == 6


def test_a_closed_school_is_proposed_none(renewed):
    School.objects.filter(pk=renewed.jaures.school.pk).update(state="closed", closed_at=MAY)
    assert renewed.units() == (0, 3, 0, 0)


def test_the_list_costs_the_same_whatever_the_schools(renewed, django_assert_num_queries):
    with django_assert_num_queries(6):
        renewed.read()
    for _ in range(20):
        PortfolioSchoolFactory(school=SchoolFactory())
    renewed.edit({renewed.verne.pk: 2})
    with django_assert_num_queries(9):
        renewed.read()
