"""An office in May whose schools used last autumn's lot in different ways; next year is on sale."""

import datetime

from core.calendar import PARIS
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import Seat
from licensing.orders import operations as orders
from licensing.plans.renewals import operations
from licensing.plans.renewals.application_plan import build_plan
from licensing.plans.renewals.queries import read_list
from schools.models import School
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.factories.shop import get_seller, put_on_sale
from tests.orders import actions
from tests.pools.actions import allocate_units
from tests.returns.given_school import GivenSchool

MAY = datetime.datetime(2027, 5, 4, 10, tzinfo=PARIS)
AUGUST = datetime.datetime(2027, 8, 27, 10, tzinfo=PARIS)
#: When the e-mails of a list leave that was applied before.
FIRST_MORNING = datetime.datetime(2027, 9, 1, 8, tzinfo=PARIS)
YEAR = 2028
YEAR_ENDS = datetime.date(2028, 8, 31)


class RenewedOffice:
    """Jaurès was given 8, held 6 at most, uses 5; Zola never redeemed its 3; Curie uses its 2, for 4 classes.

    The proposal is 6, 0 and 3. Verne, of the portfolio, was given nothing. In the collectivity's schema.
    """

    def __init__(self, collectivity, *, at=TERM, ends_on=YEAR_ENDS, sells=True):
        self.collectivity = collectivity
        self.pool = orders.grant(collectivity=collectivity, licences=20, reason="Rentrée", name="Lot A", by=None, at=at)
        self.jaures = GivenSchool(collectivity, pool=self.pool, units=8, at=at)
        self.curie = GivenSchool(collectivity, pool=self.pool, units=2, at=at)
        School.objects.filter(pk=self.curie.school.pk).update(name="École Marie Curie")
        self.zola = SchoolFactory(name="École Zola")
        self.verne = SchoolFactory(name="École Verne")
        allocate_units(self.pool, self.zola, units=3, at=at)
        PortfolioSchoolFactory(school=self.jaures.school)
        PortfolioSchoolFactory(school=self.curie.school, classes=4)
        PortfolioSchoolFactory(school=self.verne)
        for _ in range(6):
            self.jaures.assign(at=at)
        self.release(at=at + datetime.timedelta(days=30))
        for _ in range(2):
            self.curie.assign(at=at)
        self.buyer = UserFactory()
        if sells:
            get_seller()
            put_on_sale(ends_on=ends_on, sold_from=at.date())

    def release(self, at):
        """Free a seat of Jaurès."""
        seat = Seat.objects.filter(subscription=self.jaures.subscription, holder__isnull=False).first()
        entitlements.release(seat_id=seat.pk, by=self.jaures.principal, at=at)

    def read(self, at=MAY):
        return read_list(YEAR, at)

    def row(self, school, at=MAY):
        return self.read(at).by_uai[school.pk]

    def units(self, at=MAY):
        """Return the numbers of Jaurès, Curie, Zola and Verne."""
        rows = self.read(at).by_uai
        return tuple(rows[one.pk].units for one in (self.jaures.school, self.curie.school, self.zola, self.verne))

    def edit(self, units, at=MAY, version=None):
        return operations.edit_lines(year=YEAR, version=self._version(version, at), units=units, by=None, at=at)

    def edit_all(self, choice, at=MAY, version=None):
        return operations.edit_all(year=YEAR, version=self._version(version, at), choice=choice, by=None, at=at)

    def decline(self, reason="Le budget n'a pas été voté.", at=MAY, version=None):
        return operations.decline_renewal(year=YEAR, version=self._version(version, at), reason=reason, by=None, at=at)

    def reopen(self, at=MAY, version=None):
        return operations.reopen_renewal(year=YEAR, version=self._version(version, at), by=None, at=at)

    def order(self, at=MAY, version=None, units=None):
        return operations.order_renewal(
            collectivity=self.collectivity,
            year=YEAR,
            version=self._version(version, at),
            units=self.read(at).to_order if units is None else units,
            by=self.buyer,
            at=at,
        )

    def place(self, order, at=MAY):
        return actions.place(order, at=at)

    def plan(self, at=MAY):
        return build_plan(self.read(at), at)

    def apply(self, at=MAY, version=None, expected=None):
        return operations.apply_renewal(
            year=YEAR,
            version=self._version(version, at),
            expected=expected or self.plan(at).fingerprint,
            by=None,
            at=at,
        )

    def undo(self, at=MAY):
        operations.undo_application(year=YEAR, by=None, at=at)

    def _version(self, version, at):
        return self.read(at).version if version is None else version
