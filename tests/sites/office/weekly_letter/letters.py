"""What the tests of the weekly letter have happen, and the letters that come of it."""

import datetime

from core.calendar import PARIS
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.pools.models import Allocation
from licensing.requests.returns.models import LicenceReturn
from mailing import kinds
from mailing.models import Message
from sites.office import weekly_letter
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed

DAY = datetime.timedelta(days=1)


def moment(month, day, hour=8, *, year=2026, minute=0):
    return datetime.datetime(year, month, day, hour, minute, tzinfo=PARIS)


#: The Monday after `TERM`.
MONDAY = moment(11, 30)


def give_back(pool):
    """Have a school that has had six licences for a month give back four, on the Friday before."""
    given = allocate_units(pool, SchoolFactory(), units=6)
    mark_redeemed(given, PrincipalFactory())
    Entitlement.objects.filter(pk=pool.entitlement_id).update(first_day=(MONDAY - 30 * DAY).date())
    Allocation.objects.filter(pk=given.pk).update(created_at=MONDAY - 30 * DAY)
    ActivationKey.objects.filter(pk=given.key_id).update(redeemed_at=MONDAY - 30 * DAY)
    copy_everywhere()
    LicenceReturn.objects.create(
        key_id=given.key_id, units=4, returned_at=MONDAY - 3 * DAY, returned_by=PrincipalFactory()
    )


def upload_table(pool):
    """Have a table wait for its verification."""
    SpreadsheetImport.objects.create(
        pool=pool, filename="a.xlsx", size=1, sha256="0" * 64, state=ImportState.CHECKED, created_at=TERM
    )


def give_all(pool):
    """Have the lot used up, by the only school of the portfolio."""
    allocate_units(pool, PortfolioSchoolFactory().school, units=100)


def list_letters():
    return list(Message.objects.filter(kind=weekly_letter.WEEKLY_KIND).order_by("pk"))


def list_recipients():
    return [message.recipient for message in list_letters()]


def read(clock, at=MONDAY):
    """Render the last letter at a moment."""
    clock(at)
    return kinds.get(weekly_letter.WEEKLY_KIND).render(list_letters()[-1])
