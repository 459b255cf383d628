"""A pool, its members, and spreadsheets that were parsed."""

from __future__ import annotations

import html

import pytest
from django.urls import reverse

from collectivities.models import Role
from imports import operations, queries, tasks
from imports.confirmation_guard import build_guard
from imports.enums import ImportState
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.imports.sample_files import build_csv


@pytest.fixture
def member(nimes):
    """Create a member of the current collectivity, `member(Role.MANAGER)`; return the user."""
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


def import_url(name, *args):
    return reverse(f"imports:{name}", urlconf="config.urls_tenant", args=args)


def page_text(answer):
    """Return the page's HTML with entities resolved and plain spaces."""
    return html.unescape(answer.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")


def upload_and_parse(pool, content, *, units_for_all=None, filename="écoles.csv", by=None):
    """Upload a file and parse it, as the worker does; return the import."""
    spreadsheet_import = operations.store_upload(
        pool_id=pool.pk, filename=filename, content=content, units_for_all=units_for_all, by=by, at=TERM
    )
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    return spreadsheet_import


def schools_csv(*rows, titles=("UAI", "Licences", "E-mail")):
    """Return a csv of schools: `listing((school, 3), (school, 2, "a@b.fr"))`."""
    return build_csv([list(titles), *[[getattr(row[0], "uai", row[0]), *row[1:]] for row in rows]])


def required_count(spreadsheet_import):
    """Return the number that the confirmation guard requires, None where it requires none."""
    confirmation_guard = build_guard(spreadsheet_import)
    return confirmation_guard.number if confirmation_guard else None


def confirm_and_apply(spreadsheet_import, *, at=TERM):
    """Confirm an import, with the number that the guard requires, and apply it as the worker does."""
    operations.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        confirmed_count=required_count(spreadsheet_import),
        by=None,
        at=at,
    )
    tasks.apply(import_id=spreadsheet_import.pk, confirmed_at=at.isoformat())
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.APPLIED, spreadsheet_import.refusal
    return spreadsheet_import
