"""Two collectivities, made once for the whole run, and the fixtures that enter them."""

from __future__ import annotations

import datetime
import gc
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection, transaction
from django.test import Client, TransactionTestCase
from django_tenants.utils import schema_context, tenant_context
from whitenoise.middleware import WhiteNoiseMiddleware

from mailing.sink import Sink
from tenants import provisioning, recording
from tenants.models import Collectivity, Kind

#: A moment in the autumn term, for operations that take the clock.
TERM = datetime.datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("Europe/Paris"))

#: Of the accounts that `can_sign_in` prepares.
PASSWORD = "trois-petits-chats-2026"

TENANTS = {
    "nimes": {"name": "Ville de Nîmes", "kind": Kind.COMMUNE, "siren": "213001894", "key_prefix": "NIMES"},
    "gard": {"name": "Département du Gard", "kind": Kind.DEPARTEMENT, "siren": "223000019", "key_prefix": "GARD"},
}

# Django's own way of hashing, with one round instead of a million and a half: half a second a password, which tells
# the tests nothing. What a server does is in the settings, which are not touched: `tests.test_house` reads them.
PBKDF2PasswordHasher.iterations = 1


_look_for_static_files = WhiteNoiseMiddleware.add_files_from_finders
_static_files = {}


def _static_files_once(self) -> None:
    """Look for the static files once a run: each of the tests' thousands of clients would look for all of them."""
    if not _static_files:
        _look_for_static_files(self)
        _static_files.update(self.files)
    self.files.update(_static_files)


WhiteNoiseMiddleware.add_files_from_finders = _static_files_once


def open_tenant(**fields) -> Collectivity:
    """Open a collectivity as `open_office` does, without members or e-mail."""
    with transaction.atomic():
        return provisioning.provision(provisioning.plan(**fields), recording.current(), at=TERM)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Migrate once, then open two collectivities that every test may use."""
    with django_db_blocker.unblock():
        _do_not_wait_for_the_disk()
        for slug, fields in TENANTS.items():
            if Collectivity.objects.filter(slug=slug).exists():
                continue  # --reuse-db
            open_tenant(slug=slug, **fields)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_what_tests_fill)
        yield


def _do_not_wait_for_the_disk() -> None:
    """Let commits return before the disk has them, in this database alone.

    What other connections see of a commit is the same, and so is what a killed process leaves: only a server that
    falls would lose something, and no test makes it fall. Thousands of commits wait some milliseconds less each.
    """
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit TO off")
        cursor.execute("SET synchronous_commit TO off")


#: What a test that commits must find again afterwards: the two collectivities, and what migrations wrote.
KEPT = (
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "tenants_collectivity",
    "tenants_domain",
    "tenants_schemarecording",
)


def _empty_what_tests_fill(self) -> None:
    """Empty the tables of the public schema and of the collectivities after a test that really commits.

    In place of Django's flush, which knows one schema only and fails on the tenants' keys into the public one.
    Every name is qualified: whatever schema the test left entered does not matter.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> ALL(%s)",
            [list(KEPT)],
        )
        tables = [name for (name,) in cursor.fetchall()]
        # Most are empty, and asking is far cheaper than truncating.
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in tables))  # noqa: S608 - names read from the catalogue
        if filled := [name for (name,) in cursor.fetchall()]:
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep the races in one worker: each opens dozens of connections."""
    for item in items:
        if "committing" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("races"))


def pytest_collection_finish():
    """What is imported by now stays: the garbage collector need not walk through it at each of its turns."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _starts_in_the_public_schema():
    """A request that the test before made left its thread's connection in the schema of its host."""
    connection.set_schema_to_public()


@pytest.fixture
def nimes(db):
    """The collectivity most tests work in, entered."""
    collectivity = Collectivity.objects.get(slug="nimes")
    with tenant_context(collectivity):
        yield collectivity


@pytest.fixture
def gard(db):
    """The other collectivity; not entered."""
    with schema_context("public"):
        return Collectivity.objects.get(slug="gard")


@pytest.fixture
def committing(transactional_db):
    """The same collectivity as `nimes`, entered, in a test whose commits are real: for races and for workers.

    Threads start in the public schema with a connection of their own: `tests.races.at_once` enters and closes them.
    """
    collectivity = Collectivity.objects.get(slug="nimes")
    with tenant_context(collectivity):
        yield collectivity


class HostClient(Client):
    """A browser at one host: the portal, or a collectivity's office."""

    def __init__(self, host: str, **defaults):
        super().__init__(HTTP_HOST=host, **defaults)
        self.host = host

    def force_login(self, user, backend=None):
        """Sign in as the page would: a session says at which host it was opened."""
        super().force_login(user, backend)
        session = self.session
        session["opened_at"] = self.host
        session.save()


@pytest.fixture
def portal(db):
    """A visitor's browser at the portal."""
    return HostClient(settings.BASE_DOMAIN)


@pytest.fixture
def office(db):
    """Makes a browser at a collectivity's office: `office("nimes")`, signed in where a user is given."""

    def at(slug: str, user=None) -> HostClient:
        client = HostClient(f"{slug}.{settings.BASE_DOMAIN}")
        if user is not None:
            client.force_login(user)
        return client

    return at


@pytest.fixture
def sink(settings):
    """A mail server that really speaks SMTP, and the settings that lead to it."""
    with Sink() as server:
        settings.MAILERS = {
            "default": {
                "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
                "OPTIONS": {"host": server.host, "port": server.port, "timeout": 5},
            }
        }
        yield server


@pytest.fixture
def can_sign_in(db):
    """Gives an account its password and a confirmed address, and returns it."""

    def give(user):
        user.set_password(PASSWORD)
        user.save()
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        return user

    return give
