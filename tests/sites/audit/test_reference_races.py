"""A public row is deleted while an office begins to refer to it: real threads and real commits.

No constraint makes the one wait for the other: triggers refuse the deletion. Without them each of these fails.
"""

# ruff: noqa: S608, SLF001 - names of our own models

from functools import partial

import pytest
from django.db import IntegrityError, connection

from collectivities.capabilities import Role
from collectivities.models import Member
from collectivities.operations.members import accept_invitation, invite
from collectivities.operations.portfolio import add_to_portfolio
from licensing.pools import operations as pools
from tests.conftest import TERM
from tests.factories.accounts import UserFactory, confirm_address
from tests.factories.schools import SchoolFactory
from tests.races import run_concurrently, three_rounds
from tests.rebalancing.unbalanced_pool import LATER, UnbalancedPool
from tests.requests.asking_school import open_pool
from tests.sites.audit.violations import list_all_violations

pytestmark = pytest.mark.slow

DELETIONS = 4


def write_while_deleted(schema, write, row):
    """Write a reference to the row while others delete it; fail unless it is written and they are refused."""
    table, key = row._meta.db_table, row._meta.pk.column

    def delete():
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM public.{table} WHERE {key} = %s", [row.pk])

    results = run_concurrently(schema, [*[delete] * DELETIONS, write], expected_errors=IntegrityError)
    assert [isinstance(one, IntegrityError) for one in results] == [True] * DELETIONS + [False]
    assert type(row).objects.filter(pk=row.pk).exists()
    assert list_all_violations() == {}


@three_rounds
def test_a_school_is_added_to_a_portfolio(committing, race_round):
    school = SchoolFactory()
    add = partial(add_to_portfolio, uais=[school.pk], by=None, at=TERM)
    write_while_deleted(committing.schema_name, add, school)


@three_rounds
def test_a_school_is_given_licences(committing, race_round):
    school, pool = SchoolFactory(), open_pool()
    give = partial(pools.allocate, pool_id=pool.pk, uai=school.pk, units=1, recipient=school.email, by=None, at=TERM)
    write_while_deleted(committing.schema_name, give, school)


@three_rounds
def test_an_account_joins_an_office(committing, race_round):
    agent = confirm_address(UserFactory())
    token = invite(email=agent.email, roles=[Role.VIEWER], by=None, at=TERM).link_token
    write_while_deleted(committing.schema_name, partial(accept_invitation, token=token, by=agent, at=TERM), agent)
    assert Member.objects.get().user == agent


@three_rounds
def test_a_request_is_granted_by_a_rebalancing(committing, race_round):
    lot = UnbalancedPool(committing, licences=30)
    request = lot.ask()
    expected = lot.plan({}, {request.school_id: 3}).fingerprint
    give = partial(lot.rebalance, {}, {request.school_id: 3}, at=LATER, expected=expected)
    write_while_deleted(committing.schema_name, give, request)
