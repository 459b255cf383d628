"""A school whose principal redeemed a key that a collectivity gave: five licences of a pool of twenty."""

from django_tenants.utils import tenant_context

from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import Subscription
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools.models import Allocation, Pool
from licensing.requests.returns import operations
from schools.models import Verification
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.pools.actions import allocate_units


class GivenSchool:
    """The school, its verified principal, its allocation; what they do. In the collectivity's schema."""

    def __init__(self, collectivity, *, pool=None, units=5, licences=20, redeemed=True, at=TERM):
        self.collectivity = collectivity
        self.pool = pool or orders.grant(
            collectivity=collectivity, licences=licences, reason="Retours", name="Lot A", by=None, at=at
        )
        self.school = SchoolFactory(name="École Jean Jaurès")
        self.principal = PrincipalFactory()
        AffiliationFactory(user=self.principal, school=self.school, verified_at=at, verified_by=Verification.OPERATOR)
        self.allocation = allocate_units(self.pool, self.school, units=units, at=at)
        if redeemed:
            self.redeem(at)

    @property
    def code(self):
        return unseal_key(self.allocation.key)

    @property
    def subscription(self):
        return Subscription.objects.get(key=self.allocation.key_id)

    def redeem(self, at=TERM):
        return entitlements.redeem(code=self.code, by=self.principal, at=at)

    def teacher(self):
        teacher = TeacherFactory()
        AffiliationFactory(user=teacher, school=self.school)
        return teacher

    def assign(self, teacher=None, at=TERM):
        return entitlements.assign(
            subscription_id=self.subscription.pk, teacher=teacher or self.teacher(), by=self.principal, at=at
        )

    def give_back(self, units=2, at=TERM, **more):
        return operations.give_back(subscription_id=self.subscription.pk, units=units, by=self.principal, at=at, **more)

    def undo(self, licence_return, at=TERM):
        return operations.undo_return(return_id=licence_return.pk, by=self.principal, at=at)

    def ask(self, at=TERM, **more):
        return operations.ask(allocation_id=self.allocation.pk, by=None, at=at, **more)

    def keep(self, request, at=TERM, **more):
        return operations.keep(request_id=request.pk, by=self.principal, at=at, **more)

    def figures(self):
        """Return what the lot, the allocation, the key and the subscription say: free, units, units, size, seats."""
        # The portal's pages leave the schema.
        with tenant_context(self.collectivity):
            allocation = Allocation.objects.select_related("key").get(pk=self.allocation.pk)
            free = Pool.objects.get(pk=self.pool.pk).free
        subscription = self.subscription
        return (
            free,
            allocation.units,
            allocation.key.units,
            subscription.size,
            subscription.seats.count(),
        )
