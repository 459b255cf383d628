"""Two collectivities, created once per run, and the fixtures that enter them."""

import copy
import datetime
import functools
import gc
import itertools
import time
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.template import RequestContext
from django.test import TransactionTestCase, client
from django.test.utils import ContextList
from django_tenants.utils import schema_context, tenant_context
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts import attempt_delays
from core.connections import connection
from licensing.classes.passwords import PupilHasher
from tenants import cluster as cluster_places
from tenants.models import Collectivity, CollectivityKind
from tenants.template_database import adopt_copy, ensure_template
from tests import cluster, database_roles, hub_guard, key_states, tenant_guard
from tests.host_client import HostClient
from tests.smtp_sink import RecordingSink
from tests.tenants.opening import open_tenant

cluster.use()
# Tests go through all that is registered, which the portal's URLs load.
admin.autodiscover()

#: A fixed moment in the autumn term, for operations that take `at`.
TERM = datetime.datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("Europe/Paris"))

#: Password of the accounts that `can_sign_in` prepares.
PASSWORD = "trois-petits-chats-2026"

TENANTS = {
    "nimes": {"name": "Ville de Nîmes", "kind": CollectivityKind.COMMUNE, "siren": "213001894", "key_prefix": "NIMES"},
    "gard": {
        "name": "Département du Gard",
        "kind": CollectivityKind.DEPARTEMENT,
        "siren": "223000019",
        "key_prefix": "GARD",
    },
}

#: No id of one is an id of the other: a task or a page in the wrong schema finds nothing.
FIRST_IDS = {"nimes": 1, "gard": 1_000_001}

# One PBKDF2 iteration instead of 1.5 million saves half a second per password, and 4 ms per pupil's. The production
# settings are not touched: `tests.test_project` checks them.
PBKDF2PasswordHasher.iterations = 1
PupilHasher.iterations = 1

# No limit in time on an example: a busy machine is no fault of the rule.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


_look_for_static_files = WhiteNoiseMiddleware.add_files_from_finders
_static_files = {}


def _static_files_once(self) -> None:
    """Scan the static files once per run instead of once per test client."""
    if not _static_files:
        _look_for_static_files(self)
        _static_files.update(self.files)
    self.files.update(_static_files)


WhiteNoiseMiddleware.add_files_from_finders = _static_files_once


def _store_page_context(store, signal, sender, template, context, **_) -> None:
    """Keep the context of a page, for `response.context`; Django's own copies that of each part and field as well.

    Saves a fifth of the time of a request.
    """
    if isinstance(context, RequestContext) and context is not store.get("page"):
        store["page"] = context
        store.setdefault("context", ContextList()).append(copy.copy(context))


client.store_rendered_templates = _store_page_context  # type: ignore[attr-defined] # the stubs leave it out


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, django_db_blocker):
    """The owner creates the databases of the tests, copies of a migrated one, and drops them in the end."""
    if cluster.CITUS_URL:
        cluster.drop_everywhere(connection.settings_dict["TEST"]["NAME"])
    database_roles.connect_as(settings.DATABASE_OWNER)
    if not cluster.CITUS_URL:
        with django_db_blocker.unblock():
            connection.settings_dict["TEST"]["TEMPLATE"] = ensure_template()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Open two collectivities that every test may use, as the application."""
    with django_db_blocker.unblock():
        adopt_copy()
        database_roles.define_administration()
        _disable_synchronous_commit()
        name = connection.settings_dict["NAME"]
        if cluster.CITUS_URL:
            cluster.make(name)
        # The owner's next connection is guarded: see `tenant_guard`.
        connection.close()
        database_roles.connect_as(settings.DATABASES["default"])
        for slug, fields in TENANTS.items():
            if Collectivity.objects.filter(slug=slug).exists():
                continue  # --reuse-db
            opened = open_tenant(slug=slug, at=TERM, **fields)
            tenant_guard.separate_ids(opened, FIRST_IDS[slug])
            cluster_places.place(opened.schema_name)
    with pytest.MonkeyPatch.context() as patch:
        tenant_guard.install(patch)
        hub_guard.install()
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_filled_tables)
        # This is the set-up of the first test as well.
        database_roles.connect_for_test()
        yield
    database_roles.close_connections()
    if cluster.CITUS_URL:
        cluster.drop_on_workers(name)
    database_roles.connect_as(settings.DATABASE_OWNER)


def _disable_synchronous_commit() -> None:
    """Disable `synchronous_commit` in the test database.

    Visibility to other connections and after a killed process is unchanged: only a server crash would lose commits.
    Saves some milliseconds on each of thousands of commits.
    """
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit TO off")
        cursor.execute("SET synchronous_commit TO off")


#: Tables kept after a test that commits: the two collectivities and the data of migrations.
KEPT_TABLES = (
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "tenants_collectivity",
    "tenants_domain",
    "tenants_schemasnapshot",
    "installation_installation",
    "installation_migrationcontent",
)


#: Rows of a table up to which deleting them is faster than truncating it.
FEW_ROWS = 1000


def _empty_filled_tables(self) -> None:
    """Empty the filled tables of all schemas after a test that commits.

    Replaces Django's flush, which handles one schema only. Through a connection of its own, which knows the tables: the
    test's was opened for it and is closed after it.
    """
    administrator = database_roles.get_cleaner()
    tables = administrator.execute(
        "SELECT schemaname, array_agg(format('%%I.%%I', schemaname, tablename) ORDER BY 1) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> ALL(%s)"
        " AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND deptype = 'e'"
        " AND objid = to_regnamespace(quote_ident(schemaname))) GROUP BY 1 ORDER BY 1",
        [list(KEPT_TABLES)],
        prepare=True,
    ).fetchall()
    filled = []
    for _, names in tables:
        # By schema: on a cluster each stands on one node. Prepared: to plan takes twenty times as long as to look.
        looks = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names)  # noqa: S608 - names read from the catalogue
        filled += [name for (name,) in administrator.execute(looks, prepare=True)]
    if not filled:
        return
    on_nodes = {*cluster.list_office_tables(administrator)} if cluster.CITUS_URL else set()
    if placed := [name for name in filled if name in on_nodes or name.removeprefix("public.") in on_nodes]:
        # With the triggers by which a cluster truncates on its nodes.
        administrator.execute(
            f"SET session_replication_role = origin; TRUNCATE {', '.join(placed)} CASCADE;"
            " SET session_replication_role = replica"
        )
    here = [name for name in filled if name not in placed]
    large = " OR ".join(f"EXISTS (SELECT FROM {name} OFFSET {FEW_ROWS})" for name in here)
    if here and administrator.execute(f"SELECT {large}").fetchone()[0]:
        administrator.execute(f"TRUNCATE {', '.join(here)} CASCADE")
    elif here:
        # Truncated, each table and each index gets a new file: a hundred milliseconds in all, instead of some ten.
        administrator.execute("; ".join(f"DELETE FROM {name}" for name in here))  # noqa: S608 - names read from the catalogue


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Connect as the role of the test before its first fixture begins a transaction."""
    database_roles.begin_test(as_owner=item.get_closest_marker("as_owner") is not None)


#: Seconds of processor that an unmarked test may take, where 0.1 is meant: the rest is for a busy machine, and for
#: what the first test of its kind loads.
FAST_TIER_SECONDS = 2.0


def pytest_addoption(parser):
    parser.addoption(
        "--hold-tiers", action="store_true", help="fail a test that is not marked slow and takes too much processor"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail an unmarked test that belongs to the slow tier: so that `make test` stays as fast as it is."""
    begun = time.process_time()
    result = yield
    taken = time.process_time() - begun
    fast = item.get_closest_marker("small") or not item.get_closest_marker("slow")
    if item.config.option.hold_tiers and fast and taken > FAST_TIER_SECONDS:
        pytest.fail(f"{taken:.1f} s of processor: mark it slow, and give its rule a small case.", pytrace=False)
    return result


def pytest_itemcollected(item):
    """Skip the tests of a cluster where there is none, with the reason."""
    if item.get_closest_marker("citus") and not cluster.CITUS_URL:
        item.add_marker(pytest.mark.skip(reason=cluster.REASON))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    """Run the tests of a module that commits in one xdist worker, since each opens dozens of connections; these first.

    Some take a minute: begun among the last ones, they would leave the other worker without work.
    """
    for item in items:
        if "transactional_db" in item.fixturenames and "e2e" not in item.path.parts:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(item.config.rootpath).as_posix()))
    answer = yield
    # pytest-django has put them after the others, and xdist's own order counts the tests of a group.
    items.sort(key=lambda item: "transactional_db" not in item.fixturenames)
    return answer


#: Tests from one search for cyclic garbage to the next: among what was made since the last one, and among everything.
#: Python's own searches, by the number of objects, take a sixth of the processor's time.
TESTS_PER_COLLECTION = 50
TESTS_PER_FULL_COLLECTION = 1000
_tests_since = itertools.count(1)


def pytest_collection_finish():
    """Freeze the imported modules, so that the garbage collector skips them, and let it search between tests alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(0)


def pytest_runtest_logfinish():
    """Search for cyclic garbage once in a while."""
    number = next(_tests_since)
    if number % TESTS_PER_COLLECTION == 0:
        gc.collect(2 if number % TESTS_PER_FULL_COLLECTION == 0 else 1)


@pytest.fixture(autouse=True)
def _starts_in_the_public_schema():
    """Reset the schema: a request of the previous test left the connection in its host's."""
    connection.set_schema_to_public()


@pytest.fixture(autouse=True)
def _what_became_of_keys_is_copied_at_once(monkeypatch):
    """Copy what became of a key beside its allocation with the act itself: no test of pages runs a worker."""
    key_states.copy_at_once(monkeypatch)


@pytest.fixture(autouse=True)
def _no_wait_ends_by_itself(request, monkeypatch):
    """Stop the clock of the delays between attempts in a test of one transaction: `let_pass` alone moves them.

    On a slow machine six attempts take longer than the wait that they begin. In a test that commits, `now()` moves.
    """
    marker = request.node.get_closest_marker("django_db")
    commits = marker is not None and marker.kwargs.get("transaction", False)
    if not commits and {"transactional_db", "live_server"}.isdisjoint(request.fixturenames):
        monkeypatch.setattr(attempt_delays, "_CLOCK", "now()")


@functools.cache
def _read_nimes() -> Collectivity:
    """Return the row as the run has it, read once: two queries for each of thousands of tests."""
    return Collectivity.objects.get(slug="nimes")


@pytest.fixture
def nimes(db):
    """The collectivity most tests use; its schema is the current one."""
    collectivity = copy.deepcopy(_read_nimes())
    with tenant_context(collectivity):
        yield collectivity


@pytest.fixture
def gard(db):
    """The other collectivity; its schema is not entered."""
    with schema_context("public"):
        return Collectivity.objects.get(slug="gard")


@pytest.fixture
def committing(transactional_db):
    """Like `nimes`, in a test whose commits are real: for races and workers.

    Threads start in the public schema on their own connections: `tests.races.run_concurrently` handles both.
    """
    collectivity = Collectivity.objects.get(slug="nimes")
    with tenant_context(collectivity):
        yield collectivity


@pytest.fixture
def portal(db):
    """A visitor's browser at the portal."""
    return HostClient(settings.BASE_DOMAIN)


@pytest.fixture
def office(db):
    """Returns a factory of browsers at an office: `office("nimes", user)`, signed in if a user is given.

    Their users have just given their password anew, as sensitive pages ask, but with `confirmed=False`.
    """

    def at(slug: str, user=None, *, confirmed: bool = True) -> HostClient:
        client = HostClient(f"{slug}.{settings.BASE_DOMAIN}")
        if user is not None:
            client.force_login(user, confirmed=confirmed)
        return client

    return at


@pytest.fixture
def sink(settings):
    """A real SMTP server, configured as the mailer."""
    with RecordingSink() as server:
        settings.MAILERS = {
            "default": {
                "BACKEND": "mailing.mail_server.EmailBackend",
                "OPTIONS": {"host": server.hostname, "port": server.port, "timeout": 5},
            }
        }
        yield server


@pytest.fixture
def can_sign_in(db):
    """Gives an account `PASSWORD` and a confirmed address; returns it."""

    def give(user):
        user.set_password(PASSWORD)
        user.save()
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
        return user

    return give
