"""`manage.py audit` detects what a renewal must never leave behind."""

import pytest
from django.db import connection

from tests.renewals.renewed_office import RenewedOffice
from tests.sites.audit.violations import list_all_violations
from tests.tiers import sampled


@pytest.fixture
def applied(nimes):
    renewed = RenewedOffice(nimes)
    renewed.place(renewed.order())
    renewed.apply()
    return renewed


def list_broken():
    return set(list_all_violations())


@pytest.mark.parametrize(
    ("statement", "code"),
    sampled(
        [
            ("UPDATE renewals_renewalorder SET replaced_at = now()", "renewal_orders"),
            ("UPDATE renewals_renewal SET school_year = 2031", "renewal_orders"),
            ("UPDATE renewals_renewal SET declined_at = now(), decline_reason = 'Non'", "renewal_orders"),
            ("UPDATE renewals_renewalline SET units = 1", "renewal_gifts"),
            ("DELETE FROM renewals_renewalgift", "renewal_gifts"),
            ("UPDATE renewals_renewal SET changed_by_id = 987654321", "renewal_accounts"),
        ],
        fast=1,
    ),
)
def test_each_broken_rule_is_detected(applied, statement, code):
    assert not list_broken()
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert code in list_broken()
