"""A school, its people, and a key that a collectivity sent it."""

from licensing.entitlements import keys, operations
from licensing.entitlements.models import ActivationKey
from schools.models import Verification
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.licensing import EntitlementFactory, KeyFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory


class SchoolScenario:
    """A school with a principal, and actions on it."""

    def __init__(self):
        self.school = SchoolFactory(name="École Jean Jaurès", commune="Nîmes")
        self.entitlement = EntitlementFactory()
        self.principal = self.add_principal()

    def add_principal(self, *, verified=False):
        """Return another principal of the school."""
        principal = PrincipalFactory()
        AffiliationFactory(
            user=principal,
            school=self.school,
            verified_at=TERM if verified else None,
            verified_by=Verification.OPERATOR if verified else "",
        )
        return principal

    def teacher(self):
        """Return a teacher who chose the same school."""
        teacher = TeacherFactory()
        AffiliationFactory(user=teacher, school=self.school)
        return teacher

    def key(self, units=3, **fields):
        """Return a key's code, and the key."""
        code = keys.generate()
        return code, KeyFactory(code=code, entitlement=self.entitlement, school=self.school, units=units, **fields)

    def subscription(self, units=3, **fields):
        """Return the code of a redeemed key, and its subscription."""
        code, _ = self.key(units, **fields)
        return code, operations.redeem(code=code, by=self.principal, at=TERM)


def seat_counter(subscription):
    """Return the seat counter of « Mon compte »."""
    return f"{subscription.seats.held().count()}/{ActivationKey.objects.get(pk=subscription.key_id).units}"
