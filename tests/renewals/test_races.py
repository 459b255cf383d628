"""Members who act on one renewal at once: real threads and real commits.

Where no row is there yet, its UNIQUE school year makes the others wait; where it is, its lock. Without that lock each
of these fails, but the applications, which the lock of their lots and the fingerprint keep apart as well: these fail
without both.
"""

from collections import Counter
from functools import partial

import pytest

from core.connections import connection
from core.exceptions import DomainError
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.queries import unseal_key
from licensing.orders.models import Order
from licensing.plans.renewals.models import Renewal, RenewalApplication, RenewalLine, RenewalOrder
from licensing.pools.models import Allocation, Pool
from tests.races import run_concurrently, three_rounds
from tests.renewals.assertions import assert_sound
from tests.renewals.renewed_office import AUGUST, YEAR_ENDS, RenewedOffice

pytestmark = pytest.mark.slow


@pytest.fixture(params=["no row", "a row"])
def renewed(committing, request):
    office = RenewedOffice(committing)
    if request.param == "a row":
        office.edit({office.verne.pk: 2})
    return office


def run(actions):
    results = run_concurrently(connection.schema_name, actions, expected_errors=DomainError)
    return Counter(result.code if isinstance(result, DomainError) else "done" for result in results)


@three_rounds
def test_of_eight_members_who_order_one_makes_the_order(renewed, race_round):
    seen = renewed.read()
    orders = [partial(renewed.order, version=seen.version, units=seen.to_order)] * 8
    assert run(orders) == {"done": 1, "renewal_changed": 7}
    assert Order.objects.filter(kind="purchase").count() == RenewalOrder.objects.count() == 1
    assert_sound()


@three_rounds
def test_of_eight_applications_that_saw_the_same_one_is_made(renewed, race_round):
    renewed.place(renewed.order())
    shown, version = renewed.plan().fingerprint, renewed.read().version
    Pool.objects.update(capacity=100)  # the CHECK would refuse the second
    results = run([partial(renewed.apply, version=version, expected=shown)] * 8)
    assert results == {"done": 1, "renewal_changed": 7}
    given = Allocation.objects.active().filter(pool__entitlement__last_day=YEAR_ENDS)
    assert sum(given.values_list("units", flat=True)) == renewed.read().total
    assert RenewalApplication.objects.count() == 1


@three_rounds
def test_of_eight_edits_that_saw_the_same_one_is_kept(renewed, race_round):
    seen = renewed.read().version
    edits = [partial(renewed.edit, {renewed.zola.pk: number + 1}, version=seen) for number in range(8)]
    assert run(edits) == {"done": 1, "renewal_changed": 7}
    assert (Renewal.objects.get().version, RenewalLine.objects.filter(school=renewed.zola).count()) == (seen + 1, 1)


@three_rounds
def test_a_list_is_declined_or_ordered(renewed, race_round):
    seen = renewed.read()
    order = partial(renewed.order, version=seen.version, units=seen.to_order)
    results = run([order, partial(renewed.decline, version=seen.version)])
    assert results == {"done": 1, "renewal_changed": 1}
    assert (Renewal.objects.get().declined_at is None) == RenewalOrder.objects.exists()


def test_sixteen_undo_one_application_once(renewed):
    renewed.place(renewed.order())
    renewed.apply()
    assert run([partial(renewed.undo, at=AUGUST)] * 16) == {"done": 16}
    assert not Allocation.objects.active().filter(pool__entitlement__last_day=YEAR_ENDS).exists()
    assert_sound()


@three_rounds
def test_a_key_is_redeemed_or_its_list_is_undone(renewed, race_round):
    renewed.place(renewed.order())
    renewed.apply()
    key = ActivationKey.objects.get(school=renewed.curie.school, entitlement__last_day=YEAR_ENDS)
    redeem = partial(entitlements.redeem, code=unseal_key(key), by=renewed.curie.principal, at=AUGUST)
    run([redeem, partial(renewed.undo, at=AUGUST)])
    key.refresh_from_db()
    assert (key.redeemed_at is None) == RenewalApplication.objects.filter(undone_at__isnull=False).exists()
    assert_sound()
