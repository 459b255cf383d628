"""« Changer 5 en 4 »: the number of licences of one allocation."""

import pytest

from collectivities.models import AuditEntry
from licensing.entitlements.models import ActivationKey, Entitlement, Subscription
from licensing.pools.exceptions import AllocationRedeemed, AllocationRevoked, PoolExhausted, UnknownAllocation
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations import set_units
from licensing.pools.reductions import revoke
from mailing.models import Message
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent
from tests.refusals import refuses


@pytest.fixture
def allocation(pool, now):
    return allocate_units(pool, SchoolFactory(name="École Zola"), units=5, at=now)


def change(allocation, units, now, expected=None):
    return set_units(allocation_id=allocation.pk, units=units, expected=expected, by=None, at=now)


def counts(allocation):
    """Return the licences of the allocation, of its key, and those that its pool has given."""
    found = Allocation.objects.get(pk=allocation.pk)
    return found.units, ActivationKey.objects.get(pk=found.key_id).units, Pool.objects.get(pk=found.pool_id).allocated


def test_fewer_return_to_the_pool_and_the_school_is_notified(allocation, now):
    mark_sent()
    result = change(allocation, 4, now)
    assert (result.before, result.units, result.notified) == (5, 4, True)
    assert counts(allocation) == (4, 4, 4)
    assert Message.objects.filter(kind="key_reduced").count() == 1


def test_fewer_before_the_key_has_left_need_no_e_mail(allocation, now):
    assert not change(allocation, 4, now).notified
    assert not Message.objects.filter(kind="key_reduced").exists()


@pytest.mark.slow
def test_more_grow_the_same_key(allocation, now):
    assert change(allocation, 7, now).notified
    assert counts(allocation) == (7, 7, 7)
    assert ActivationKey.objects.count() == 1


def test_more_grow_the_subscription_of_a_redeemed_key(allocation, now):
    mark_redeemed(allocation, PrincipalFactory())
    change(allocation, 6, now)
    assert Subscription.objects.get().size == 6
    assert Subscription.objects.get().seats.count() == 6


def test_fewer_of_a_redeemed_key_are_refused_with_the_day(allocation, now):
    mark_redeemed(allocation, PrincipalFactory())
    with pytest.raises(AllocationRedeemed, match=r"activée le 24.novembre 2026 : ses licences ne peuvent plus"):
        change(allocation, 4, now)
    assert counts(allocation) == (5, 5, 5)


def test_the_same_number_changes_nothing(allocation, now):
    entries = AuditEntry.objects.count()
    assert change(allocation, 5, now, expected=3).before == 5
    assert AuditEntry.objects.count() == entries


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(allocation, now):
    change(allocation, 8, now, expected=5)
    with refuses("units_changed", match=r"passée à 8.licences"):
        change(allocation, 4, now, expected=5)
    assert counts(allocation) == (8, 8, 8)


def test_the_pool_is_not_exceeded(allocation, now):
    with pytest.raises(PoolExhausted, match="plus que 95"):
        change(allocation, 101, now)
    assert counts(allocation) == (5, 5, 5)


def test_none_at_all_is_no_number(allocation, now):
    with refuses("invalid_units"):
        change(allocation, 0, now)


def test_a_suspended_pool_gives_no_more_and_takes_back(allocation, now):
    Entitlement.objects.update(suspended_at=now, suspension_cause="operator")
    with refuses("pool_suspended"):
        change(allocation, 6, now)
    change(allocation, 4, now)
    assert counts(allocation) == (4, 4, 4)


def test_a_revoked_or_unknown_allocation_is_refused(allocation, now):
    revoke(allocation_id=allocation.pk, by=None, at=now)
    with pytest.raises(AllocationRevoked):
        change(allocation, 4, now)
    with pytest.raises(UnknownAllocation):
        set_units(allocation_id=allocation.pk + 1, units=4, expected=None, by=None, at=now)


# --- The pages -------------------------------------------------------------------------------------------------------


def list_messages(answer):
    return [str(message).replace("\u00a0", " ") for message in answer.context["messages"]]


@pytest.mark.slow
def test_the_page_says_what_became_of_the_licences(allocation, manager):
    mark_sent()
    address = f"/attributions/{allocation.pk}/licences/"
    answer = manager.post(address, {"units": "4", "shown": "5"}, follow=True)
    assert answer.redirect_chain == [(f"/attributions/{allocation.pk}/", 302)]
    change_in_words = (
        "L’École Zola a maintenant 4 licences, avec la même clé : 1 licence de moins, rendue au lot « Lot A ». "
        f"Un e-mail part pour {allocation.recipient}."
    )
    assert list_messages(answer) == [change_in_words]
    answer = manager.post(address, {"units": "6", "shown": "4", "page": "school"}, follow=True)
    assert answer.redirect_chain == [(f"/ecoles/{allocation.school_id}/", 302)]
    assert "2 licences de plus, prises sur le lot « Lot A »" in list_messages(answer)[0]
    assert "rien n'a changé" in list_messages(manager.post(address, {"units": "6", "shown": "6"}, follow=True))[0]


@pytest.mark.parametrize("units", ["", "0", "-1", "4,5", "quatre", "99999999999"])
def test_what_is_no_number_of_licences_is_refused_on_the_page(allocation, manager, units):
    answer = manager.post(f"/attributions/{allocation.pk}/licences/", {"units": units, "shown": "5"}, follow=True)
    assert "rien n'a été changé" in list_messages(answer)[0]
    assert counts(allocation) == (5, 5, 5)


@pytest.mark.slow
def test_the_page_says_why_a_redeemed_key_keeps_its_licences(allocation, manager):
    mark_redeemed(allocation, PrincipalFactory())
    page = manager.get(f"/attributions/{allocation.pk}/").content.decode()
    assert "des licences peuvent s’ajouter, aucune ne peut plus être" in page
    answer = manager.post(f"/attributions/{allocation.pk}/licences/", {"units": "4", "shown": "5"}, follow=True)
    assert "La clé a été activée le 24 novembre 2026" in list_messages(answer)[0]


@pytest.mark.slow
def test_a_school_is_reminded_from_the_page_once_a_day(allocation, manager):
    mark_sent()
    address = f"/attributions/{allocation.pk}/relancer/"
    assert "Une relance part" in list_messages(manager.post(address, follow=True))[0]
    answer = manager.post(address, {"page": "school"}, follow=True)
    assert "déjà été relancé aujourd'hui" in list_messages(answer)[0]
    assert answer.redirect_chain == [(f"/ecoles/{allocation.school_id}/", 302)]


@pytest.mark.slow
def test_who_may_only_read_changes_no_number_and_sees_no_form(allocation, viewer):
    page = viewer.get(f"/attributions/{allocation.pk}/").content.decode()
    assert 'name="units"' not in page
    assert viewer.post(f"/attributions/{allocation.pk}/licences/", {"units": "4"}).status_code == 403
    assert viewer.post(f"/attributions/{allocation.pk}/relancer/").status_code == 403
    assert counts(allocation) == (5, 5, 5)
