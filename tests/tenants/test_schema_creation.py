"""The function that opens schemas as the owner cannot be led to anything else by its caller."""

import pytest
from django.conf import settings
from django.db import DatabaseError, transaction

from core.connections import connection
from tenants import schema_snapshot
from tenants.models import Collectivity
from tests.conftest import TERM

CALL = "SELECT public.tenants_create_schema(%s, %s)"


def execute(statement, parameters=None):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture
def recorded(db):
    """The fingerprint under which the current schema is recorded."""
    return schema_snapshot.get_current().fingerprint


def store_collectivity(schema):
    """Insert the row, as anybody who has taken over the application could."""
    fields = {"slug": "ales", "name": "Alès", "kind": "commune", "siren": "213000078", "key_prefix": "ALES"}
    Collectivity.objects.bulk_create([Collectivity(schema_name=schema, created_at=TERM, **fields)])


@pytest.mark.parametrize(
    "schema",
    [
        "public",
        "pg_temp",
        "mine",
        "c_unknown",
        "c_x; DROP SCHEMA c_nimes CASCADE",
        'c_x" CASCADE; --',
        "C_NIMES",
        "",
        None,
    ],
)
def test_only_the_schema_of_a_collectivity_is_created(recorded, schema):
    with pytest.raises(DatabaseError, match="No collectivity has the schema"):
        execute(CALL, [schema, recorded])


def test_a_collectivity_with_a_hostile_schema_name_opens_nothing(recorded):
    hostile = f"c_x AUTHORIZATION {settings.DATABASES['default']['USER']}"
    store_collectivity(hostile)
    with pytest.raises(DatabaseError, match="No collectivity has the schema"):
        execute(CALL, [hostile, recorded])


def test_a_schema_that_exists_is_left_as_it_is(recorded):
    with pytest.raises(DatabaseError, match="already exists"):
        execute(CALL, ["c_nimes", recorded])


def test_nothing_but_what_the_owner_recorded_is_replayed(db):
    with pytest.raises(DatabaseError, match="No schema was recorded under"):
        execute(CALL, ["c_nimes", "DROP TABLE public.accounts_user"])
    for statement in (
        "INSERT INTO public.tenants_schemasnapshot VALUES ('mine', '{DROP TABLE public.accounts_user}', '[]', now())",
        "UPDATE public.tenants_schemasnapshot SET statements = '{DROP TABLE public.accounts_user}'",
        "DELETE FROM public.tenants_schemasnapshot",
    ):
        with pytest.raises(DatabaseError, match="permission denied"):
            execute(statement)


#: What a caller can prepare; with `pg_temp` searched first, each would be taken for ours.
TRAPS = (
    "CREATE TEMPORARY TABLE tenants_schemasnapshot AS SELECT * FROM public.tenants_schemasnapshot",
    "UPDATE pg_temp.tenants_schemasnapshot SET statements = '{DROP TABLE public.accounts_user}'",
    "CREATE TEMPORARY TABLE tenants_collectivity (schema_name text)",
    "CREATE TEMPORARY TABLE accounts_user (id bigint PRIMARY KEY)",
    "CREATE TEMPORARY TABLE django_migrations (app text, name text, applied timestamptz)",
    "CREATE TEMPORARY TABLE pg_proc AS SELECT * FROM pg_catalog.pg_proc",
    "CREATE FUNCTION pg_temp.format(text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'DROP TABLE accounts_user' $$",
    "CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT NULL::timestamptz $$",
    "SET LOCAL standard_conforming_strings = off",
    "SET LOCAL search_path = pg_temp, c_nimes, pg_catalog",
)


def test_a_search_path_and_temporary_objects_of_the_caller_change_nothing(recorded):
    store_collectivity("c_ales")
    for statement in TRAPS:
        execute(statement)
    execute("SELECT public.tenants_create_schema('c_ales', %s)", [recorded])
    [owners] = execute(
        "SELECT array_agg(DISTINCT relowner::regrole::text) FROM pg_class WHERE relnamespace = 'c_ales'::regnamespace"
    )
    [temporary] = execute(
        "SELECT count(*) FROM pg_constraint JOIN pg_class ON pg_class.oid = confrelid"
        " WHERE connamespace = 'c_ales'::regnamespace AND relpersistence = 't'"
    )
    [migrations] = execute("SELECT count(*), count(applied) FROM c_ales.django_migrations")
    [path] = execute("SHOW search_path")
    assert (owners, temporary, path) == (
        ([settings.DATABASE_OWNER["USER"]],),
        (0,),
        ("pg_temp, c_nimes, pg_catalog",),
    )
    assert migrations[0] == migrations[1] > 10
