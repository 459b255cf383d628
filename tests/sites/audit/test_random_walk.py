"""A random walk over order operations: books and entitlements stay consistent."""

import datetime
import os
from typing import Any

import pytest

from core.exceptions import DomainError
from licensing.orders.models import Order
from tests.billing.transmission.scripted_platform import follow_script
from tests.sites.audit.violations import list_all_violations
from tests.sites.audit.walk_of_invoices import WalkOfInvoices
from tests.sites.audit.walk_of_licences import WalkOfLicences
from tests.sites.audit.walk_of_orders import WalkOfOrders
from tests.sites.audit.walk_of_payments import WalkOfPayments
from tests.sites.audit.walk_of_statements import WalkOfStatements
from tests.sites.audit.walk_steps import Steps

#: Another length and other walks may be asked for: `WALK_STEPS=100 WALKS=100` is 10,000 steps.
STEPS = int(os.environ.get("WALK_STEPS", "60"))
SEEDS = range(17, 17 + int(os.environ.get("WALKS", "1")))


class RandomWalk(WalkOfOrders, WalkOfPayments, WalkOfStatements, WalkOfLicences, WalkOfInvoices):
    """Months of sales, drawn from a seed: each step is one operation, on any order, at any state of it."""

    BEGIN: Steps = (
        *WalkOfOrders.BEGIN,
        *WalkOfPayments.BEGIN,
        *WalkOfStatements.BEGIN,
        *WalkOfLicences.BEGIN,
        *WalkOfInvoices.BEGIN,
    )
    GO_ON: Steps = (*WalkOfOrders.GO_ON, *WalkOfPayments.GO_ON, *WalkOfLicences.GO_ON, *WalkOfInvoices.GO_ON)

    def step(self):
        self.at += datetime.timedelta(hours=self.draw.randrange(96))
        orders = list(Order.objects.exclude(state__in=["cancelled", "paid"]).order_by("pk"))
        settled = list(Order.objects.filter(state="paid").order_by("pk"))
        step: Any = self.draw.choice(self.BEGIN + self.GO_ON if orders else self.BEGIN)
        try:
            # Mostly an open order: closed ones refuse almost everything.
            step(self, self.draw.choice(orders * 3 + settled)) if step in self.GO_ON else step(self)
        except DomainError:
            return
        self.done[step.__name__] += 1


@pytest.mark.parametrize(
    ("seed", "steps"), [(17, 6), *(pytest.param(seed, STEPS, marks=pytest.mark.slow) for seed in SEEDS)]
)
def test_random_sales_keep_every_invariant(nimes, settings, seed, steps):
    script = follow_script(settings, "chorus_pro", "platform")
    walk = RandomWalk(seed, nimes, script)
    for number in range(steps):
        walk.step()
        broken = list_all_violations()
        assert not broken, f"after {number + 1} steps: {broken}"
    # Most steps were accepted, not refused.
    assert len(walk.done) > steps / 6
