"""What each role of the database may do: tried by connecting as it, in every schema."""

import re

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, transaction
from psycopg import errors, sql

from accounts.models import User
from core.connections import connection
from tenants import privileges, schema_snapshot
from tests.cluster import one_server
from tests.database_roles import connect, execute_as_administrator
from tests.factories.accounts import OperatorFactory, UserFactory

APPLICATION = settings.DATABASES["default"]["USER"]
READER = settings.DATABASE_READER["USER"]
OWNER = settings.DATABASE_OWNER["USER"]

#: What is only added to. The journal of accounts lets rows go after a year: its trigger refuses the others.
APPEND_ONLY = {
    "accounting_balancetransaction",
    "accounts_accountevent",
    "accounts_accounteventseal",
    "bank_bankstatement",
    "billing_billingdocument",
    "billing_invoice",
    "billing_invoiceseal",
    "billing_platformstatus",
    "billing_skippednumbers",
    "e_reporting_periodreport",
    "collectivities_auditentry",
    "collectivities_auditseal",
    "orders_contractwithdrawal",
    "orders_orderevent",
    "payments_payment",
    "payments_paymentseal",
}
DELETED_WHEN_OLD = {"accounts_accountevent", "accounts_accounteventseal"}
WRITTEN_BY_MIGRATIONS = {
    "django_migrations",
    "installation_installation",
    "installation_migrationcontent",
    "tenants_schemasnapshot",
}

SCHEMAS = ["public", "c_nimes", "c_gard"]
TABLES = """
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY(%s) AND relkind IN ('r', 'p') ORDER BY 1, 2
"""


def list_tables():
    with connection.cursor() as cursor:
        cursor.execute(TABLES, [SCHEMAS])
        return cursor.fetchall()


def list_columns(schema, table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = format('%%I.%%I', %s::text, %s::text)::regclass"
            " AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
            [schema, table],
        )
        return [name for (name,) in cursor.fetchall()]


def is_refused(session, statement):
    """Whether PostgreSQL refuses the statement for lack of privileges; nothing of it stays."""
    try:
        with session.transaction(force_rollback=True):
            session.execute(statement)
    except errors.InsufficientPrivilege:
        return True
    except psycopg.Error:
        return False
    return False


@pytest.fixture
def application(db):
    with connect(APPLICATION) as session:
        yield session


@pytest.fixture
def reader(db):
    with connect(READER) as session:
        yield session


# --- The application --------------------------------------------------------------------------------------------------


def test_tests_run_as_the_application(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user, current_user, current_setting('is_superuser')")
        assert cursor.fetchone() == (APPLICATION, APPLICATION, "off")


def test_what_only_grows_is_declared_and_has_its_trigger(db):
    """A trigger that refuses changes is what takes the privileges away: this list is compared with all there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal AND proname ~ '(append_only|immutable)$'"
            # Of each row: triggers that refuse TRUNCATE stand on other tables as well.
            " AND tgtype & 1 = 1"
        )
        assert {table for (table,) in cursor.fetchall()} == APPEND_ONLY
    assert {schema for schema, table in list_tables() if table == "collectivities_auditentry"} == {"c_nimes", "c_gard"}


@pytest.mark.slow
def test_no_table_can_be_truncated_altered_or_dropped(application):
    tried = {
        (schema, table, statement)
        for schema, table in list_tables()
        for statement in (
            "TRUNCATE {}",
            "ALTER TABLE {} DISABLE TRIGGER ALL",
            "ALTER TABLE {} ADD COLUMN mine text",
            "DROP TABLE {}",
            "CREATE TRIGGER mine BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION public.accounts_append_only()",
        )
    }
    assert len(tried) > 300
    allowed = {
        (schema, table, statement)
        for schema, table, statement in tried
        if not is_refused(application, sql.SQL(statement).format(sql.Identifier(schema, table)))
    }
    assert allowed == set()


@pytest.mark.slow
def test_exactly_what_grows_only_is_neither_updated_nor_deleted(application):
    updated, deleted, inserted = set(), set(), set()
    for schema, table in list_tables():
        name, column = sql.Identifier(schema, table), sql.Identifier(list_columns(schema, table)[-1])
        if not is_refused(application, sql.SQL("UPDATE {} SET {} = {} WHERE false").format(name, column, column)):
            updated.add(table)
        if not is_refused(application, sql.SQL("DELETE FROM {} WHERE false").format(name)):
            deleted.add(table)
        if not is_refused(application, sql.SQL("INSERT INTO {} SELECT * FROM {} WHERE false").format(name, name)):
            inserted.add(table)
    tables = {table for _, table in list_tables()}
    assert tables - updated == APPEND_ONLY | WRITTEN_BY_MIGRATIONS
    assert tables - deleted == (APPEND_ONLY - DELETED_WHEN_OLD) | WRITTEN_BY_MIGRATIONS
    assert tables - inserted - {"schools_school"} == WRITTEN_BY_MIGRATIONS  # generated columns are another refusal


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION c_nimes.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE public.mine (id int)",
        "CREATE TABLE c_gard.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE EXTENSION hstore",
        "CREATE ROLE mine",
        "SELECT * FROM pg_authid",
        f"SET ROLE {OWNER}",
        "SET ROLE postgres",
        f"SET SESSION AUTHORIZATION {OWNER}",
        f"GRANT {OWNER} TO {APPLICATION}",
        f"ALTER ROLE {APPLICATION} SUPERUSER",
        "SET session_replication_role = replica",
        f"GRANT UPDATE ON public.billing_invoice TO {APPLICATION}",
        "SELECT public.tenants_grant_privileges('public')",
        "CREATE OR REPLACE FUNCTION public.accounts_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY public.tenants_domain TO PROGRAM 'true'",
    ],
)
def test_the_application_cannot_rise(application, statement):
    if statement.startswith("GRANT UPDATE"):
        # PostgreSQL answers with a warning that nothing was granted.
        application.execute(statement)
        granted = "SELECT has_table_privilege('public.billing_invoice', 'UPDATE')"
        assert application.execute(granted).fetchone() == (False,)
    else:
        assert is_refused(application, statement)


#: Statements that make an operator of Awa, or of a new account, or take it back from another.
POWERS_WRITTEN = {
    "superuser": "UPDATE accounts_user SET is_superuser = true WHERE username = 'awa'",
    "staff": "UPDATE accounts_user SET is_staff = true WHERE username = 'awa'",
    "dismissed": "UPDATE accounts_user SET is_superuser = false WHERE username = 'exploitante'",
    "inserted": """
        INSERT INTO accounts_user
        SELECT (jsonb_populate_record(account, '{"id": -1, "username": "autre", "is_superuser": true}')).*
        FROM accounts_user AS account WHERE username = 'awa'
    """,
    "on conflict": """
        INSERT INTO accounts_user SELECT (jsonb_populate_record(account, '{"id": -1}')).*
        FROM accounts_user AS account WHERE username = 'awa'
        ON CONFLICT (username) DO UPDATE SET is_staff = true, is_superuser = true
    """,
    "merged": """
        MERGE INTO accounts_user USING (VALUES (true)) AS given (yes) ON username = 'awa'
        WHEN MATCHED THEN UPDATE SET is_staff = yes, is_superuser = yes
    """,
}
#: What a caller may put in the way of the trigger's own look at the catalogue.
SHADOWS = (
    "CREATE TEMPORARY TABLE pg_class AS SELECT oid, current_user::regrole::oid AS relowner FROM pg_catalog.pg_class",
    "CREATE FUNCTION pg_temp.pg_has_role(oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "SET LOCAL search_path = pg_temp, public, pg_catalog",
)


@pytest.mark.parametrize("shadows", [(), SHADOWS], ids=["plain", "shadowed"])
@pytest.mark.parametrize("statement", POWERS_WRITTEN.values(), ids=POWERS_WRITTEN)
def test_the_application_makes_and_dismisses_no_operator(db, statement, shadows):
    UserFactory(username="awa")
    OperatorFactory(username="exploitante")
    with connection.cursor() as cursor:
        for shadow in shadows:
            cursor.execute(shadow)
        with pytest.raises(DatabaseError, match="Only the owner of the accounts"), transaction.atomic():
            cursor.execute(statement)


def test_the_application_goes_on_saving_operators_and_others(db):
    for account in (OperatorFactory(), UserFactory()):
        account.last_name = "Martin"
        account.save()
    assert User.objects.filter(last_name="Martin").count() == 2


@pytest.mark.as_owner
def test_the_owner_makes_and_dismisses_operators(db):
    user = User.objects.create_superuser("exploitante", "e@peps.example", "x")
    assert User.objects.filter(pk=user.pk).update(is_staff=False, is_superuser=False) == 1


def test_functions_that_run_as_the_owner_are_known_and_closed_to_others(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, has_function_privilege(%s, oid, 'EXECUTE'), has_function_privilege(%s, oid, 'EXECUTE'),"
            " array_to_string(proconfig, ' ') LIKE 'search_path=pg_catalog, pg_temp%%'"
            " FROM pg_proc WHERE prosecdef AND pronamespace <> 'tests_administration'::regnamespace ORDER BY 1",
            [APPLICATION, READER],
        )
        assert cursor.fetchall() == [
            (name, True, False, True)
            for name in (
                "schools_maintain_dictionary",
                "schools_maintain_search",
                "tenants_create_schema",
                "tenants_place_schema",
            )
        ]


# --- The reader -------------------------------------------------------------------------------------------------------


_WRITES = ("INSERT INTO {0} DEFAULT VALUES", "UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0}")


@pytest.mark.slow
def test_the_reader_writes_nothing(reader):
    allowed = set()
    for schema, table in list_tables():
        name, column = sql.Identifier(schema, table), sql.Identifier(list_columns(schema, table)[-1])
        for statement in (
            "INSERT INTO {0} DEFAULT VALUES",
            "UPDATE {0} SET {1} = {1}",
            "DELETE FROM {0}",
            "TRUNCATE {0}",
        ):
            if not is_refused(reader, sql.SQL(statement).format(name, column)):
                allowed.add((schema, table, statement))
    assert allowed == set()
    assert is_refused(reader, "CREATE TABLE public.mine (id int)")
    assert is_refused(reader, f"SET ROLE {APPLICATION}")


@pytest.mark.slow
def test_the_reader_reads_every_column_but_the_secrets(reader):
    secrets = privileges.list_secret_columns()
    wrong = set()
    for schema, table in list_tables():
        hidden = secrets.get(table, [])
        for column in list_columns(schema, table):
            query = sql.SQL("SELECT {} FROM {} LIMIT 1").format(sql.Identifier(column), sql.Identifier(schema, table))
            if is_refused(reader, query) != (hidden == privileges.WHOLE_TABLE or column in hidden):
                wrong.add((schema, table, column))
    assert wrong == set()


#: Columns whose names sound like secrets, and why they are none.
NO_SECRETS = {
    "digest of a public document or file": {
        "sha256",
        "digest",
        "confirmed_digest",
        "requested_digest",
        "header_digest",
    },
    "seals of journals, which the server's log shows": {"hash", "previous", "digests"},
    "moments, numbers and hints": {"password_set_at", "sealed_at", "sealed_under", "session_generation", "key_prefix"},
    "references": {"key_id", "token_id"},
}


def test_what_sounds_like_a_secret_is_hidden_or_listed_as_harmless(db):
    secrets = privileges.list_secret_columns()
    known = {table for _, table in list_tables()}
    assert secrets.keys() <= known
    harmless = set().union(*NO_SECRETS.values())
    forgotten = {
        (table, column)
        for schema, table in list_tables()
        for column in list_columns(schema, table)
        if re.search(r"password|secret|token|nonce|sealed|hash|digest|session|(^|_)key(_|$)", column)
        and column not in harmless
        and secrets.get(table) != privileges.WHOLE_TABLE
        and column not in secrets.get(table, [])
    }
    assert forgotten == set()


# --- The check --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("breach", "sentence"),
    [
        (
            "GRANT TRUNCATE ON c_gard.pools_pool TO {app}",
            "c_gard.pools_pool : le rôle {app} peut TRUNCATE",
        ),
        ("GRANT UPDATE ON billing_invoice TO PUBLIC", "public.billing_invoice : le rôle {app} peut UPDATE"),
        (
            "REVOKE INSERT ON pools_pool FROM {app}",
            "c_nimes.pools_pool : le rôle {app} ne peut pas INSERT",
        ),
        ("ALTER ROLE {app} CREATEDB", "le rôle {app} peut créer des rôles ou des bases"),
        (
            "ALTER TABLE pools_pool OWNER TO {app}",
            "le rôle {app} est propriétaire de c_nimes.pools_pool",
        ),
        ("GRANT {owner} TO {app}", "le rôle {app} est membre du rôle {owner}"),
        ("GRANT CREATE ON SCHEMA c_gard TO {app}", "le rôle {app} peut créer des objets dans c_gard"),
        ("GRANT SELECT ON accounts_session TO {reader}", "public.accounts_session : le rôle {reader} peut SELECT"),
        ("GRANT DELETE ON schools_school TO {reader}", "public.schools_school : le rôle {reader} peut DELETE"),
    ],
)
def test_each_wrong_privilege_is_found(nimes, breach, sentence):
    assert privileges.find_faults() == []
    roles = {"app": APPLICATION, "owner": OWNER, "reader": READER}
    execute_as_administrator(breach.format(**roles))
    assert any(fault.startswith(sentence.format(**roles)) for fault in privileges.find_faults())


def test_the_queries_do_not_grow_with_the_schemas(db, django_assert_num_queries):
    privileges.find_faults()
    with django_assert_num_queries(4):
        assert privileges.find_faults() == []


@pytest.mark.slow
@one_server  # two users in one transaction
@pytest.mark.as_owner
def test_migrating_grants_again_what_is_wrong(db):
    execute_as_administrator(f"GRANT TRUNCATE, UPDATE ON c_gard.collectivities_auditentry TO {APPLICATION}")
    execute_as_administrator(f"REVOKE ALL ON public.schools_school FROM {APPLICATION}")
    assert privileges.find_ungranted() == ["c_gard", "public"]
    call_command("migrate_schemas", verbosity=0)
    assert privileges.find_faults() == []


@pytest.mark.slow
@pytest.mark.as_owner
def test_a_new_secret_is_hidden_in_every_schema(db, monkeypatch):
    monkeypatch.setattr(apps.get_app_config("pools"), "secret_columns", {"pools_pool": ["name"]}, raising=False)
    # What they grant is recorded anew, too: not in a transaction, and tried where recordings are.
    monkeypatch.setattr(schema_snapshot, "refresh", lambda: None)
    assert privileges.find_faults() == [
        f"{schema}.pools_pool : le rôle {READER} peut SELECT name" for schema in ("c_gard", "c_nimes")
    ]
    call_command("migrate_schemas", verbosity=0)
    assert privileges.find_faults() == []
