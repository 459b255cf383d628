"""A lot of forty licences: Zola lets ten sleep, Jaurès uses its two, Curie redeemed four that nobody uses."""

import datetime

from licensing.orders import operations as orders
from licensing.plans.rebalancing import operations
from licensing.plans.rebalancing.models import UNDOABLE_FOR
from licensing.plans.rebalancing.operations import answer_requests
from licensing.plans.rebalancing.plan import build_plan
from licensing.pools.models import Allocation, Pool
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_sent
from tests.requests.asking_school import AskingSchool, ask_for
from tests.returns.given_school import GivenSchool

LATER = TERM + datetime.timedelta(days=40)


class UnbalancedPool:
    """The lot, its schools, and what is decided. In the collectivity's schema."""

    def __init__(self, collectivity, *, licences=16, at=TERM):
        self.pool = orders.grant(
            collectivity=collectivity, licences=licences, reason="Rééquilibrage", name="Lot A", by=None, at=at
        )
        self.zola = allocate_units(self.pool, SchoolFactory(name="École Zola"), units=10, at=at)
        self.jaures = GivenSchool(collectivity, pool=self.pool, units=2, at=at)
        self.curie = GivenSchool(collectivity, pool=self.pool, units=4, at=at)
        mark_sent()
        for _ in range(2):
            self.jaures.assign(at=at)

    def propose(self, at=LATER):
        return build_plan(Pool.objects.select_related("entitlement").get(pk=self.pool.pk), at)

    def plan(self, taken=(), given=(), asked=(), at=LATER):
        pool = Pool.objects.select_related("entitlement").get(pk=self.pool.pk)
        return build_plan(pool, at, taken=dict(taken), given=dict(given), asked=frozenset(asked))

    def rebalance(self, taken=None, given=None, asked=(), at=LATER, expected=None):
        """Apply these numbers as they are shown now, or as `expected` says they were; 3 from Zola to Jaurès."""
        taken = {self.zola.pk: 3} if taken is None else taken
        given = {self.jaures.school.pk: 3} if given is None else given
        return operations.rebalance(
            pool_id=self.pool.pk,
            taken=taken,
            given=given,
            asked=frozenset(asked),
            expected=expected or self.plan(taken, given, asked, at).fingerprint,
            by=None,
            at=at,
        )

    def undo(self, made, at=LATER):
        return operations.undo_rebalancing(rebalancing_id=made.pk, by=None, at=at)

    def ask(self, units=3, *, of=None, at=TERM, **fields):
        """Return the request of a school of the lot, or of one that has nothing of it."""
        asking = of or AskingSchool()
        return ask_for(asking.school, asking.principal, units=units, at=at, **fields)

    def answer(self, at=LATER + UNDOABLE_FOR):
        """Accept what was granted, once the hour of each is over."""
        return answer_requests(at=at)

    def units(self):
        """Return what is free in the lot, then what Zola, Jaurès and Curie have; None for what was revoked."""
        numbers = (self.zola.pk, self.jaures.allocation.pk, self.curie.allocation.pk)
        found = Allocation.objects.in_bulk(numbers)
        free = Pool.objects.get(pk=self.pool.pk).free
        return (free, *(None if found[pk].revoked_at else found[pk].units for pk in numbers))
