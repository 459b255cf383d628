"""A list given to its schools: all or nothing, for 1 September, undone before."""

import datetime

import pytest

from collectivities.models import AuditEntry
from core.calendar import PARIS
from licensing.catalogue.operations import get_school_year
from licensing.entitlements import operations as entitlements
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.plans.renewals import queries
from licensing.plans.renewals.models import RenewalApplication, RenewalGift, RenewalState
from licensing.plans.renewals.operations import RenewalChanged
from licensing.pools.models import Allocation, Pool
from licensing.requests.school_requests.models import LicenceRequest
from mailing.models import Message
from schools.models import School, SchoolHoliday
from tests.pools.actions import allocate_units, mark_sent
from tests.refusals import refuses
from tests.renewals.assertions import assert_sound
from tests.renewals.renewed_office import AUGUST, FIRST_MORNING, MAY, YEAR, YEAR_ENDS, RenewedOffice

pytestmark = pytest.mark.slow


@pytest.fixture
def renewed(nimes):
    return RenewedOffice(nimes)


@pytest.fixture
def ordered(renewed):
    renewed.place(renewed.order())
    return renewed


def grant_next_year(renewed, licences, name):
    return orders.grant(
        collectivity=renewed.collectivity,
        licences=licences,
        reason="Avance",
        name=name,
        by=None,
        at=MAY,
        school_year=get_school_year(YEAR_ENDS),
    )


def list_given(renewed):
    """Return what the schools have of the next year."""
    found = Allocation.objects.active().filter(pool__entitlement__last_day=YEAR_ENDS)
    names = {renewed.jaures.school.pk: "Jaurès", renewed.curie.school.pk: "Curie", renewed.zola.pk: "Zola"}
    return sorted((names[uai], units) for uai, units in found.values_list("school_id", "units"))


def list_letters():
    letters = Message.objects.filter(created_at__gte=MAY, state="queued", topic="allocation")
    return [(letter.kind, letter.due_at) for letter in letters]


def test_a_list_is_given_as_one_and_announced_on_the_first_of_september(ordered):
    application = ordered.apply()
    assert list_given(ordered) == [("Curie", 3), ("Jaurès", 6)]
    assert list_letters() == [("key", FIRST_MORNING)] * 2
    assert (application.notify_at, RenewalGift.objects.count()) == (FIRST_MORNING, 2)
    assert queries.find_state(YEAR) == RenewalState.APPLIED
    entry = AuditEntry.objects.get(action="renewals.applied")
    words = "Reconduction 2027-2028 : 9 licences attribuées à 2 écoles, e-mails le 1er septembre 2027."
    assert entry.summary.replace("\xa0", " ") == words
    assert_sound()


def test_a_late_list_leaves_an_hour_to_undo_it(ordered):
    late = datetime.datetime(2027, 9, 2, 10, tzinfo=PARIS)
    assert ordered.apply(at=late).notify_at == late + datetime.timedelta(hours=1)


def test_nobody_is_written_to_in_the_holidays(ordered):
    SchoolHoliday.objects.create(
        zone="C", first_day=datetime.date(2027, 7, 5), last_day=datetime.date(2027, 9, 1), name="Été"
    )
    School.objects.update(departement_code="030", academie="Montpellier")
    assert ordered.plan().notify_at == FIRST_MORNING + datetime.timedelta(days=1)


def test_a_list_is_given_once(ordered):
    ordered.apply()
    with refuses("wrong_renewal_state", match="déjà attribuée"):
        ordered.apply()
    assert list_given(ordered) == [("Curie", 3), ("Jaurès", 6)]


def test_a_request_that_waits_is_not_answered_and_the_plan_says_so(renewed):
    asked = LicenceRequest.objects.create(
        school=renewed.curie.school,
        collectivity=renewed.collectivity,
        product=renewed.pool.entitlement.product,
        school_year=YEAR,
        units=4,
        asked_by=renewed.curie.principal,
        created_at=MAY,
    )
    renewed.place(renewed.order())
    assert any("1\xa0école a une demande en attente" in line for line in renewed.plan().describe())
    renewed.apply()
    asked.refresh_from_db()
    assert asked.is_pending
    assert list_given(renewed) == [("Curie", 4), ("Jaurès", 6)]


def test_a_quote_is_no_lot(renewed):
    renewed.order()
    with refuses("wrong_renewal_state", match="devis"):
        renewed.apply()


def test_more_than_was_bought_is_given_to_nobody(ordered):
    ordered.edit({ordered.zola.pk: 2})
    assert ordered.plan().is_refused
    with refuses("renewal_refused", match=r"Il manque 2.licences"):
        ordered.apply()
    assert not list_given(ordered)


@pytest.mark.small
def test_without_a_lot_nothing_is_given(renewed):
    with refuses("renewal_refused", match="Aucun lot"):
        renewed.apply()


def test_a_list_of_nothing_is_not_given(ordered):
    ordered.edit_all("nothing")
    with refuses("renewal_refused", match="rien à attribuer"):
        ordered.apply()


def test_a_school_that_closed_or_has_no_address_stops_the_whole(ordered):
    School.objects.filter(pk=ordered.curie.school.pk).update(email="")
    School.objects.filter(pk=ordered.jaures.school.pk).update(state="closed", closed_at=MAY)
    with refuses("renewal_refused") as refusal:
        ordered.apply()
    assert "Fermé d'après l'annuaire" in str(refusal.value)
    assert "indiquez l'adresse e-mail" in str(refusal.value)
    assert not list_given(ordered)


def test_what_changed_since_it_was_shown_is_not_done(ordered):
    shown = ordered.plan().fingerprint
    allocate_units(Pool.objects.latest("pk"), ordered.zola, units=1, at=MAY)
    allocate_units(Pool.objects.latest("pk"), ordered.curie.school, units=1, at=MAY)
    with pytest.raises(RenewalChanged, match="relisez"):
        ordered.apply(expected=shown)
    with pytest.raises(RenewalChanged):
        ordered.apply(version=0)


def test_licences_of_the_operator_are_given_without_an_order(renewed):
    grant_next_year(renewed, 9, "Avance")
    renewed.apply()
    assert list_given(renewed) == [("Curie", 3), ("Jaurès", 6)]
    # From now on it is the list that was given.
    renewed.jaures.assign(at=MAY)
    assert renewed.units() == (6, 3, 0, 0)
    assert_sound()


def test_a_school_gets_all_from_one_lot_and_its_key_grows(renewed):
    first = grant_next_year(renewed, 5, "Premier")
    second = grant_next_year(renewed, 6, "Second")
    allocate_units(second, renewed.curie.school, units=1, at=MAY)
    allocate_units(first, renewed.zola, units=1, at=MAY)
    renewed.edit({renewed.jaures.school.pk: 4, renewed.zola.pk: 1})
    renewed.apply()
    assert list_given(renewed) == [("Curie", 3), ("Jaurès", 4), ("Zola", 1)]
    assert (Pool.objects.get(pk=first.pk).free, Pool.objects.get(pk=second.pk).free) == (0, 3)
    assert_sound()


def test_no_lot_with_enough_for_a_school_names_the_school(renewed):
    grant_next_year(renewed, 5, "Premier")
    grant_next_year(renewed, 4, "Second")
    with refuses("renewal_refused", match="Aucun lot n'a assez"):
        renewed.apply()


def test_a_list_is_undone_before_the_schools_know(ordered):
    ordered.apply()
    ordered.undo(at=AUGUST)
    assert (list_given(ordered), list_letters()) == ([], [])
    assert queries.find_state(YEAR) == RenewalState.ORDERED
    ordered.undo(at=AUGUST)
    assert AuditEntry.objects.filter(action="renewals.application_undone").count() == 1
    ordered.apply(at=AUGUST)
    assert list_given(ordered) == [("Curie", 3), ("Jaurès", 6)]
    assert RenewalApplication.objects.count() == 2
    assert_sound()


def test_what_grew_is_set_back_and_an_earlier_letter_stays(renewed):
    pool = grant_next_year(renewed, 9, "Avance")
    allocate_units(pool, renewed.curie.school, units=1, at=MAY, send_on=FIRST_MORNING.date())
    later = MAY + datetime.timedelta(days=1)
    renewed.apply(at=later)
    renewed.undo(at=AUGUST)
    assert list_given(renewed) == [("Curie", 1)]
    assert list_letters() == [("key", FIRST_MORNING)]
    assert_sound()


def test_a_grown_key_that_was_redeemed_gives_back_its_unused_licences(renewed):
    pool = grant_next_year(renewed, 9, "Avance")
    given = allocate_units(pool, renewed.curie.school, units=1, at=MAY)
    mark_sent()
    entitlements.redeem(code=unseal_key(given.key), by=renewed.curie.principal, at=MAY)
    renewed.apply(at=MAY + datetime.timedelta(days=1))
    renewed.undo(at=AUGUST)
    assert list_given(renewed) == [("Curie", 1)]
    assert_sound()


def test_a_key_that_was_redeemed_meanwhile_keeps_the_whole(ordered):
    ordered.apply()
    given = Allocation.objects.select_related("key").get(
        school=ordered.curie.school, pool__entitlement__last_day=YEAR_ENDS
    )
    entitlements.redeem(code=unseal_key(given.key), by=ordered.curie.principal, at=AUGUST)
    with refuses("renewal_not_undoable", match="déjà activé sa clé"):
        ordered.undo(at=AUGUST)
    assert len(list_given(ordered)) == 2


def test_nothing_is_undone_once_the_schools_know(ordered):
    ordered.apply()
    with refuses("renewal_not_undoable", match=r"1er.septembre"):
        ordered.undo(at=FIRST_MORNING)


def test_what_was_never_given_is_not_undone(ordered):
    with refuses("wrong_renewal_state"):
        ordered.undo()
