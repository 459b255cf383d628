"""The rights that an order grants: opening, last day, restoration by a payment, without deletion."""

import datetime

import pytest
from django.db import IntegrityError, transaction
from django_tenants.utils import tenant_context

from licensing.entitlements.models import Entitlement
from licensing.orders import rights
from licensing.orders.models import OrderKind
from licensing.pools.models import Pool
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory
from tests.orders.dates import DAY, LAST_PROVISIONAL, YEAR_ENDS
from tests.orders.unopened_orders import create_placed_order


@pytest.fixture
def bought(db):
    """A principal's shop order of five licences for their school."""
    affiliation = AffiliationFactory(user=PrincipalFactory())
    return create_placed_order(
        by=affiliation.user, units=5, kind=OrderKind.SHOP, collectivity=None, school=affiliation.school
    )


@pytest.fixture
def purchased(nimes):
    return create_placed_order(by=UserFactory(), units=2000, kind=OrderKind.PURCHASE, collectivity=nimes)


def test_a_principal_s_order_gives_0_of_5_seats_and_a_redeemed_key(bought):
    rights.open_rights(bought, until=LAST_PROVISIONAL, by=bought.placed_by, at=TERM)
    entitlement = Entitlement.objects.get(order_line__order=bought)
    assert (entitlement.provisional_until, entitlement.last_day) == (LAST_PROVISIONAL, YEAR_ENDS)
    key = entitlement.keys.get()
    assert (key.prefix, key.redeemed_by, key.school) == ("PEPS", bought.placed_by, bought.school)
    assert (key.subscription.school, key.subscription.size) == (bought.school, 5)
    assert (key.subscription.seats.free().count(), key.subscription.seats.held().count()) == (5, 0)


def test_a_teacher_holds_their_own_licence_outside_any_school(db):
    teacher = AffiliationFactory(user=TeacherFactory()).user
    order = create_placed_order(by=teacher, units=1, kind=OrderKind.SHOP, collectivity=None)
    rights.open_rights(order, until=None, by=teacher, at=TERM)
    subscription = Entitlement.objects.get(order_line__order=order).keys.get().subscription
    assert (subscription.school, subscription.seats.get().holder) == (None, teacher)
    assert subscription.key.entitlement.temporary_until is None


def test_a_collectivity_s_order_opens_a_pool(purchased, nimes):
    rights.open_rights(purchased, until=LAST_PROVISIONAL, by=purchased.placed_by, at=TERM)
    with tenant_context(nimes):
        pool = Pool.objects.get()
    assert (pool.name, pool.free) == (f"Achat 2026-2027 (commande n° {purchased.pk})", 2000)
    assert pool.entitlement.provisional_until == LAST_PROVISIONAL


def test_an_order_opens_once(bought):
    rights.open_rights(bought, until=None, by=bought.placed_by, at=TERM)
    with pytest.raises(IntegrityError), transaction.atomic():
        rights.open_rights(bought, until=None, by=bought.placed_by, at=TERM)
    assert Entitlement.objects.get().keys.count() == 1


def test_an_entitlement_says_where_it_comes_from(bought, purchased, nimes):
    near_midnight = datetime.datetime(2026, 11, 24, 23, 30, tzinfo=datetime.UTC)
    for order in (bought, purchased):
        order.placed_at = near_midnight
        rights.open_rights(order, until=None, by=order.placed_by, at=TERM + 9 * DAY)
    provenance = Entitlement.objects.order_by("kind").values_list(
        "kind", "number", "bought_on", "reason", "collectivity", "first_day", "last_day"
    )
    in_paris, opened = datetime.date(2026, 11, 25), datetime.date(2026, 12, 3)
    assert list(provenance) == [
        ("purchase", purchased.pk, in_paris, "", nimes.pk, opened, YEAR_ENDS),
        ("shop", bought.pk, in_paris, "", None, opened, YEAR_ENDS),
    ]


def test_provisional_rights_never_outlive_the_school_year(bought):
    rights.open_rights(bought, until=YEAR_ENDS + DAY, by=bought.placed_by, at=TERM)
    dates = Entitlement.objects.values_list("provisional_until", "unpaid_until", "suspended_at")
    assert dates.get() == (YEAR_ENDS, None, None)
    rights.await_payment(bought, until=YEAR_ENDS + DAY)
    assert dates.get() == (None, YEAR_ENDS, None)
    rights.start_countdown(bought, until=YEAR_ENDS + DAY)
    assert dates.get() == (YEAR_ENDS, None, None)
