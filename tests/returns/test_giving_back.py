"""A school gives licences back: unused ones only, at once, and for an hour the other way."""

import datetime

import pytest
from django_tenants.utils import schema_context

from collectivities.models import AuditEntry
from licensing.entitlements import operations as entitlements
from licensing.entitlements.exceptions import LicencesInUse, NoSeatLeft, SubscriptionNotAdministered
from licensing.entitlements.models import ActivationKey, Entitlement, Seat
from licensing.pools.emails import check_due
from licensing.pools.models import Pool
from licensing.pools.positions import list_pool_positions
from licensing.pools.queries import list_allocations
from licensing.requests.invitations import operations as invitations
from licensing.requests.returns import operations
from licensing.requests.returns.models import UNDOABLE_FOR, LicenceReturn
from licensing.requests.returns.personal_data import export_personal_data
from mailing.kinds import NoLongerDue
from mailing.models import Message
from schools.models import Affiliation
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.orders import OrderFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.refusals import refuses
from tests.returns.given_school import GivenSchool
from tests.sites.audit.violations import list_all_violations
from tests.webhooks.events import emitted_events
from webhooks import endpoints

pytestmark = pytest.mark.slow

SOON = TERM + datetime.timedelta(minutes=59)


@pytest.fixture
def jaures(nimes):
    return GivenSchool(nimes)


def assert_sound():
    assert not list_all_violations()


def test_unused_licences_are_free_in_the_lot_at_once(jaures):
    done = jaures.give_back(2)
    assert (done.left, done.giver) == (3, jaures.pool.entitlement.collectivity.name)
    assert jaures.figures() == (17, 3, 3, 3, 3)
    [position] = list_pool_positions()
    assert (position.is_balanced, position.redeemed_free) == (True, 3)
    assert_sound()


def test_the_journal_names_the_school_and_no_person(jaures):
    jaures.give_back(2)
    entry = AuditEntry.objects.get(action="pools.returned")
    assert entry.summary == "L’École Jean Jaurès a rendu 2\xa0licences au lot « Lot A » ; il lui en reste 3."
    assert (entry.actor_id, entry.actor_name, entry.school_id) == (None, "Pep's", jaures.school.pk)


def test_a_seat_that_is_held_reserved_or_was_held_is_never_taken(jaures):
    held = jaures.assign()
    left = jaures.assign()
    invitations.invite_teachers(
        subscription_id=jaures.subscription.pk, addresses="a@exemple.example", by=jaures.principal, at=TERM
    )
    entitlements.release(seat_id=left.pk, by=jaures.principal, at=TERM)
    with pytest.raises(LicencesInUse) as refusal:
        jaures.give_back(3)
    assert str(refusal.value).endswith("2 au plus peuvent être rendues.")
    jaures.give_back(2)
    assert set(Seat.objects.filter(pk__in=[held.pk, left.pk]).values_list("number", flat=True)) <= {1, 2, 3}
    assert jaures.subscription.seats.reserved().count() == 1
    assert_sound()


def test_all_may_come_back_and_a_later_gift_grows_the_same_key(jaures):
    code = jaures.code
    jaures.give_back(5)
    assert jaures.figures() == (20, 0, 0, 0, 0)
    [position] = list_pool_positions()
    assert (position.schools, position.redeemed_schools, position.free) == (0, 0, 20)
    assert list_allocations(TERM.date()).get().situation == "returned"
    assert_sound()
    with pytest.raises(NoSeatLeft) as refusal:
        entitlements.claim(code=code, by=TeacherFactory(), at=TERM)
    assert "rendu toutes les licences" in str(refusal.value)
    grown = allocate_units(jaures.pool, jaures.school, units=2)
    assert grown.pk == jaures.allocation.pk
    assert jaures.figures() == (18, 2, 2, 2, 2)
    entitlements.claim(code=code, by=TeacherFactory(), at=TERM)
    assert_sound()


def test_a_letter_that_has_not_left_says_nothing_of_licences_given_back(jaures):
    allocate_units(jaures.pool, jaures.school, units=1)
    jaures.give_back(6)
    letter = Message.objects.filter(topic="allocation").latest("pk")
    jaures.allocation.refresh_from_db()
    with pytest.raises(NoLongerDue):
        check_due(letter, jaures.allocation)


@pytest.mark.small
@pytest.mark.parametrize("units", [0, -1])
def test_a_number_below_one_is_refused(units, jaures):
    with refuses("invalid_units"):
        jaures.give_back(units)


def test_more_than_there_is_is_refused(jaures):
    with pytest.raises(LicencesInUse):
        jaures.give_back(10**6)
    assert jaures.figures() == (15, 5, 5, 5, 5)


def test_only_verified_principals_of_the_school_give_back(jaures):
    jaures.principal, kept = PrincipalFactory(), jaures.principal
    with pytest.raises(SubscriptionNotAdministered):
        jaures.give_back()
    jaures.principal = kept
    Affiliation.objects.update(verified_at=None, verified_by="")
    with refuses("not_verified"):
        jaures.give_back()


def test_a_suspended_pool_refuses_and_so_does_one_that_ended(jaures):
    Entitlement.objects.update(suspended_at=TERM, suspension_cause="operator")
    with refuses("key_suspended"):
        jaures.give_back()


def test_what_was_bought_in_the_shop_is_given_back_to_nobody(nimes):
    with schema_context("public"):
        order = OrderFactory(paid=True, classes=3)
    subscription = order.lines.get().entitlement.keys.get().subscription
    Affiliation.objects.filter(user=subscription.principal).update(verified_at=TERM, verified_by="operator")
    with refuses("not_given"):
        operations.give_back(subscription_id=subscription.pk, units=1, by=subscription.principal, at=TERM)


def test_a_return_is_undone_for_an_hour(jaures):
    made = jaures.give_back(5).licence_return
    jaures.undo(made, at=SOON)
    assert jaures.figures() == (15, 5, 5, 5, 5)
    assert AuditEntry.objects.get(action="pools.return_undone").summary.startswith("Retour annulé")
    jaures.undo(made, at=SOON)  # a second click
    assert jaures.figures() == (15, 5, 5, 5, 5)
    assert_sound()


def test_a_return_is_not_undone_after_an_hour(jaures):
    made = jaures.give_back(2).licence_return
    with refuses("return_not_undoable", match="une heure"):
        jaures.undo(made, at=TERM + UNDOABLE_FOR)


def test_what_was_given_to_others_does_not_come_back(jaures):
    made = jaures.give_back(5).licence_return
    allocate_units(jaures.pool, SchoolFactory(), units=16)
    with refuses("return_not_undoable", match="d'autres écoles"):
        jaures.undo(made, at=SOON)
    assert LicenceReturn.objects.get().undone_at is None
    assert Pool.objects.get().free == 4


@pytest.mark.parametrize(("is_known", "name"), [(True, "École Jean Jaurès (Nîmes)"), (False, "")])
def test_a_person_s_data_say_what_they_gave_back_and_answered(jaures, is_known, name):
    jaures.keep(jaures.ask())
    jaures.give_back(2)
    with schema_context("public"):
        if not is_known:
            ActivationKey.objects.update(school=None)
        exported = export_personal_data(jaures.principal)
    [returned], [answered] = exported["licences rendues"], exported["réponses aux collectivités"]
    assert (returned["établissement"], returned["licences"]) == (name, 2)
    assert (answered["établissement"], answered["issue"]) == (name, "Gardées")


def test_webhooks_have_what_came_back_and_what_left_again(jaures):
    endpoints.add(url="https://si.exemple.fr/", types=[], by_id=None, at=TERM)
    made = jaures.give_back(2).licence_return
    jaures.undo(made)
    subject = f"allocation:{jaures.allocation.pk}"
    same = {"allocation": jaures.allocation.pk, "pool": jaures.pool.pk, "uai": jaures.school.pk}
    assert emitted_events() == [
        ("allocation.returned", subject, same | {"units": 3, "returned": 2}),
        ("allocation.issued", subject, same | {"units": 5, "added": 2, "import": None}),
    ]
