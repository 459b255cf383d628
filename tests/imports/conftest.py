"""A lot, its members, and a table that was read."""

from __future__ import annotations

import html

import pytest
from django.urls import reverse

from collectivities.models import Role
from imports import operations, queries, tasks
from imports.brake import brake_of
from imports.enums import ImportState
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.imports.files import csv


@pytest.fixture
def member(nimes):
    """Makes a member of the collectivity that is entered: `member(Role.MANAGER)`, and returns the user."""
    return lambda *roles: MemberFactory(roles=list(roles or [Role.MANAGER])).user


@pytest.fixture
def pool(nimes):
    return PoolFactory(capacity=100)


@pytest.fixture
def manager(office, member):
    return office("nimes", member(Role.MANAGER))


@pytest.fixture
def officer(office, member):
    return office("nimes", member(Role.DATA_OFFICER))


def url(name, *args):
    return reverse(f"imports:{name}", urlconf="config.urls_tenant", args=args)


def shown(answer):
    """Return a page as a reader sees its words: entities resolved, no space that does not break."""
    return html.unescape(answer.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")


def uploaded(pool, content, *, units_for_all=None, filename="écoles.csv", by=None):
    """Upload a file and let the worker read it."""
    table = operations.upload(
        pool_id=pool.pk, filename=filename, content=content, units_for_all=units_for_all, by=by, at=TERM
    )
    tasks.read(import_id=table.pk)
    table.refresh_from_db()
    return table


def listing(*rows, titles=("UAI", "Licences", "E-mail")):
    """Return a csv of schools: `listing((school, 3), (school, 2, "a@b.fr"))`."""
    return csv([list(titles), *[[getattr(row[0], "uai", row[0]), *row[1:]] for row in rows]])


def asked_number(table):
    """Return the number that the brake asks a manager to type, None where it asks for none."""
    brake = brake_of(table)
    return brake.number if brake else None


def apply(table, *, at=TERM):
    """Confirm a table, type what the brake asks for, and let the worker apply it."""
    operations.confirm(
        import_id=table.pk, digest=queries.digest(table), send_on=None, typed=asked_number(table), by=None, at=at
    )
    tasks.apply(import_id=table.pk, confirmed_at=at.isoformat())
    table.refresh_from_db()
    assert table.state == ImportState.APPLIED, table.refusal
    return table
