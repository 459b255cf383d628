"""Rules 49 and 50 of the audit find what was broken all the same."""

import pytest
from django.db import connection

from licensing.entitlements import operations as seats
from licensing.pools.models import Allocation
from licensing.requests.school_requests import operations
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.pools.actions import mark_redeemed
from tests.requests.asking_school import AskingSchool, accept, open_pool
from tests.sites.audit.violations import list_all_violations

BREACHES = {
    # Which the trigger would refuse.
    "requests_answered": "ALTER TABLE public.requests_licencerequest DISABLE TRIGGER licence_request_answered_once;"
    "UPDATE public.requests_licencerequest SET school_year = 2026 WHERE key_id > 0",
    "requests_open": "UPDATE public.requests_licencerequest SET school_year = 2020 WHERE ended_at IS NULL",
    "teacher_requests_open": "UPDATE public.requests_teacherrequest SET ended_at = NULL, outcome = ''",
    "requests_noted": "DELETE FROM collectivities_auditentry WHERE action = 'requests.accepted'",
}


@pytest.fixture
def answered(nimes, jaures):
    """A request that was accepted, one that waits, and a teacher's that a seat answered."""
    accept(open_pool(), jaures.ask())
    subscription = mark_redeemed(Allocation.objects.get(), jaures.principal)
    teacher = jaures.add_teacher()
    operations.ask_principal(uai=jaures.school.pk, by=teacher, at=TERM)
    later = TERM.replace(hour=11)
    seats.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=later)
    AskingSchool().ask()


def test_sound_requests_break_no_rule(answered):
    assert not set(BREACHES) & set(list_all_violations())


@pytest.mark.slow
@pytest.mark.parametrize("code", BREACHES)
def test_each_broken_rule_is_found(answered, code):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute_as_administrator(BREACHES[code])
    assert code in list_all_violations()
