"""`manage.py audit` detects what returns, requests and rebalancings must never leave behind."""

import pytest
from django.db import connection

from tests.rebalancing.unbalanced_pool import LATER, UnbalancedPool
from tests.returns.given_school import GivenSchool
from tests.sites.audit.violations import list_all_violations
from tests.tiers import sampled


@pytest.fixture
def sound(nimes):
    """A request that a school answered, a school that gave all back, a rebalancing, and one that was undone."""
    asked = GivenSchool(nimes)
    asked.ask(units=3)
    asked.give_back(2)
    GivenSchool(nimes).give_back(5)
    lot = UnbalancedPool(nimes)
    lot.undo(lot.rebalance({lot.zola.pk: 10}, {}), at=LATER)
    lot.rebalance()


def list_broken():
    return set(list_all_violations())


@pytest.mark.slow
def test_nothing_is_broken_in_sound_data(sound):
    assert list_broken() == set()


@pytest.mark.parametrize(
    ("breach", "code"),
    sampled(
        [
            ("UPDATE public.returns_returnrequest SET returned_units = 3", "return_requests"),
            (
                "UPDATE public.returns_licencereturn SET undone_at = now() WHERE request_id IS NOT NULL",
                "return_requests",
            ),
            ("UPDATE public.returns_licencereturn SET undone_at = now() WHERE request_id IS NULL", "nothing_left"),
            ("UPDATE rebalancing_rebalancing SET from_free = from_free + 1", "rebalancings"),
            ("DELETE FROM rebalancing_licencemove WHERE after > before", "rebalancings"),
            (
                (
                    "UPDATE pools_allocation SET pool_id = (SELECT min(id) FROM pools_pool) WHERE id IN"
                    " (SELECT allocation_id FROM rebalancing_licencemove)"
                ),
                "rebalancings",
            ),
            ("UPDATE rebalancing_rebalancing SET applied_by_id = 987654321", "references"),
        ],
        fast=1,
    ),
)
def test_each_breach_is_detected(sound, breach, code):
    with connection.cursor() as cursor:
        cursor.execute(breach)
    assert code in list_broken()
