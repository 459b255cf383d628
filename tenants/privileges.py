"""What the application and the reader may do to the tables of each schema, granted by the owner after migrations.

Nothing is granted by default: a table that was forgotten is out of reach, not open. Two functions of the database hold
the rules, because the application opens collectivities: it owns nothing, and calls the one that runs as the owner.
Why: docs/decisions/0094.
"""

import json
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import transaction
from psycopg import sql

from core.connections import connection
from core.start_checks import list_role_faults
from tenants.models import Collectivity, SchemaSnapshot

# ruff: noqa: S608 - statements are put together of the constants of this module


#: Whether a table is append-only, of `pg_class AS relation`: a row, or none where it is not.
#:
#: It is where a trigger stands before each UPDATE and DELETE of a row. A trigger with arguments lets old rows go
#: (`accounts_append_only`): then DELETE is left to it.
_APPEND_ONLY = """
    SELECT bool_or(trigger.tgnargs > 0) AS lets_old_rows_go FROM pg_trigger AS trigger
    WHERE trigger.tgrelid = relation.oid AND NOT trigger.tgisinternal AND trigger.tgqual IS NULL
        -- For each row, before, on DELETE and UPDATE of any column, on nothing else.
        AND trigger.tgtype = 1 + 2 + 8 + 16 AND trigger.tgattr = ''
    HAVING count(*) > 0
"""
#: What the application may do to each table. What migrations write is theirs alone.
_TABLES = f"""
    SELECT relation.oid, relation.relname, relation.relnamespace, CASE
        WHEN relation.relname IN (
            'django_migrations', 'installation_installation', 'installation_migrationcontent', 'tenants_schemasnapshot'
        ) THEN ARRAY['SELECT']
        WHEN append_only.lets_old_rows_go THEN ARRAY['SELECT', 'INSERT', 'DELETE']
        WHEN append_only.lets_old_rows_go IS NOT NULL THEN ARRAY['SELECT', 'INSERT']
        ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']
    END AS allowed
    FROM pg_class AS relation LEFT JOIN LATERAL ({_APPEND_ONLY}) AS append_only ON true
    WHERE relation.relkind IN ('r', 'p')
"""

#: Statements that grant what the roles may do to the tables and sequences of a schema, whose names follow `prefix`.
_LIST_GRANTS = f"""
CREATE OR REPLACE FUNCTION public.tenants_list_grants(schema_name text, prefix text) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    application constant text := {{application_name}};
    reader constant text := (SELECT rolname FROM pg_roles WHERE rolname = {{reader_name}});
    schema_id constant oid := to_regnamespace(quote_ident(schema_name));
BEGIN
    RETURN QUERY SELECT format(
        'GRANT %s ON %s TO %I',
        array_to_string(allowed, ', '), string_agg(prefix || quote_ident(relname), ', ' ORDER BY relname), application
    ) FROM ({_TABLES}) AS found WHERE relnamespace = schema_id GROUP BY allowed;
    RETURN QUERY SELECT format(
        'GRANT USAGE, SELECT ON SEQUENCE %s TO %I',
        string_agg(prefix || quote_ident(relname), ', ' ORDER BY relname), application
    ) FROM pg_class WHERE relnamespace = schema_id AND relkind = 'S' HAVING count(*) > 0;
    IF reader IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT format(
        'GRANT SELECT %s ON %s TO %I',
        shown, string_agg(prefix || quote_ident(relname), ', ' ORDER BY relname), reader
    ) FROM (
        SELECT relname, CASE WHEN secret.columns IS NULL THEN '' ELSE (
            SELECT '(' || string_agg(quote_ident(attname), ', ' ORDER BY attnum) || ')' FROM pg_attribute
            WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
                AND NOT secret.columns ? attname::text
        ) END AS shown
        FROM pg_class AS relation
        LEFT JOIN jsonb_each({{secrets}}::jsonb) AS secret (name, columns) ON secret.name = relname
        WHERE relnamespace = schema_id AND relkind IN ('r', 'p')
            AND secret.columns IS DISTINCT FROM to_jsonb('*'::text)
    ) AS seen GROUP BY shown;
END $body$
"""

#: For a schema that is there: what was granted by hand is taken back.
_GRANT_PRIVILEGES = """
CREATE OR REPLACE FUNCTION public.tenants_grant_privileges(schema_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    role text;
    found record;
BEGIN
    FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN ({application_name}, {reader_name}) LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', schema_name, role);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', schema_name, role);
    END LOOP;
    FOR found IN
        SELECT statement FROM public.tenants_list_grants(schema_name, quote_ident(schema_name) || '.') AS statement
    LOOP
        EXECUTE found.statement;
    END LOOP;
    -- A function that runs as the owner is for the application alone.
    FOR found IN
        SELECT pg_proc.oid::regprocedure AS signature FROM pg_proc JOIN pg_roles ON pg_roles.oid = proowner
        WHERE pronamespace = to_regnamespace(quote_ident(schema_name)) AND prosecdef AND rolname = current_user
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', found.signature);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', found.signature, {application_name});
    END LOOP;
END $body$
"""

#: The caller names a collectivity and a recording; neither schema nor statements are of the caller's making. The grants
#: are recorded as well: to look for a schema's tables takes longer with each schema.
#:
#: `pg_temp` stands last in both search paths: left out, it would be searched first, and a temporary table of the caller
#: would be taken for ours. Functions and operators are never looked up in it.
_CREATE_SCHEMA = """
CREATE OR REPLACE FUNCTION public.tenants_create_schema(schema_name text, recorded_under text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $body$
DECLARE
    recorded text[];
    statement text;
    role text;
BEGIN
    IF schema_name IS NULL OR schema_name !~ '^c_[a-z0-9_]+$' OR NOT EXISTS (
        SELECT FROM public.tenants_collectivity AS collectivity WHERE collectivity.schema_name = $1
    ) THEN
        RAISE EXCEPTION 'No collectivity has the schema %', schema_name USING ERRCODE = 'invalid_schema_name';
    END IF;
    SELECT statements INTO recorded FROM public.tenants_schemasnapshot WHERE fingerprint = recorded_under;
    IF recorded IS NULL THEN
        RAISE EXCEPTION 'No schema was recorded under %', recorded_under USING ERRCODE = 'no_data_found';
    END IF;
    EXECUTE format('CREATE SCHEMA %I', schema_name);
    PERFORM set_config('search_path', format('%I, public, pg_temp', schema_name), true);
    FOREACH statement IN ARRAY recorded LOOP
        EXECUTE statement;
    END LOOP;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN ({application_name}, {reader_name}) LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', schema_name, role);
    END LOOP;
END $body$
"""

#: Puts a collectivity's schema on a node of the cluster, where it is not yet; without a cluster it does nothing.
_PLACE_SCHEMA = """
CREATE OR REPLACE FUNCTION public.tenants_place_schema(schema_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    is_placed boolean;
    tables text;
    relation regclass;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') OR NOT EXISTS (
        SELECT FROM public.tenants_collectivity AS collectivity WHERE collectivity.schema_name = $1
    ) THEN
        RETURN false;
    END IF;
    EXECUTE 'SELECT EXISTS (SELECT FROM pg_dist_schema WHERE schemaid = to_regnamespace(quote_ident($1)))'
        INTO is_placed USING schema_name;
    IF is_placed THEN
        RETURN false;
    END IF;
    -- All of them first, at their strongest: taken one after the other, and made stronger, they meet in a deadlock with
    -- a transaction that has read a table and writes to it.
    SELECT string_agg(oid::regclass::text, ', ' ORDER BY relname) INTO tables
        FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind = 'r';
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', tables);
    EXECUTE format('SELECT citus_schema_distribute(%L)', quote_ident(schema_name));
    -- The rows that were copied to the node stay on the disk of the coordinator otherwise, where nothing shows them.
    FOR relation IN
        SELECT oid::regclass FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind = 'r'
    LOOP
        EXECUTE 'SELECT truncate_local_data_after_distributing_table($1)' USING relation;
    END LOOP;
    RETURN true;
END $body$
"""

#: Each is formatted with the names of the roles and the secrets.
FUNCTIONS = (
    _LIST_GRANTS,
    "REVOKE ALL ON FUNCTION public.tenants_list_grants(text, text) FROM PUBLIC",
    _GRANT_PRIVILEGES,
    "REVOKE ALL ON FUNCTION public.tenants_grant_privileges(text) FROM PUBLIC",
    _CREATE_SCHEMA,
    "REVOKE ALL ON FUNCTION public.tenants_create_schema(text, text) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION public.tenants_create_schema(text, text) TO {application}",
    _PLACE_SCHEMA,
    "REVOKE ALL ON FUNCTION public.tenants_place_schema(text) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION public.tenants_place_schema(text) TO {application}",
)

#: The text of the functions: where it changes, every schema is granted anew, and the recording of a schema made anew.
RULES = "SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure('public.tenants_list_grants(text, text)')"

_OURS = "nspname !~ '^(pg_|recording_)' AND nspname <> 'information_schema'"

#: Tables on which the application's privileges are not what they should be, in every schema.
WRONG_TABLES = f"""
SELECT nspname, relname,
    ARRAY(SELECT name FROM unnest(held) AS name WHERE name <> ALL (allowed)) AS excess,
    ARRAY(SELECT name FROM unnest(allowed) AS name WHERE name <> ALL (held)) AS lack
FROM (
    SELECT nspname, relname, allowed, ARRAY(
        SELECT name FROM unnest('{{SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER}}'::text[]) AS name
        WHERE has_table_privilege(%(role)s, found.oid, name)
    ) AS held
    FROM ({_TABLES}) AS found JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE {_OURS}
) AS compared
WHERE NOT (held @> allowed AND held <@ allowed)
ORDER BY nspname, relname
"""

#: What the reader may do and must not: write to a table, or read one of the secrets (JSON: columns by table).
READER_FAULTS = f"""
SELECT nspname, relname, name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS name
WHERE relkind IN ('r', 'p') AND {_OURS} AND has_table_privilege(%(reader)s, pg_class.oid, name)
UNION ALL
SELECT nspname, relname, 'SELECT ' || attname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN jsonb_each(%(secrets)s::jsonb) AS secret (name, columns) ON secret.name = relname
JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
WHERE relkind IN ('r', 'p') AND {_OURS} AND (secret.columns = to_jsonb('*'::text) OR secret.columns ? attname::text)
    AND has_column_privilege(%(reader)s, pg_class.oid, attnum, 'SELECT')
ORDER BY 1, 2, 3
"""


#: Value of an app's `secret_columns` for a table of which the reader sees nothing.
WHOLE_TABLE = "*"
#: What `list_role_faults` finds, in French.
_ROLE_FAULTS = {
    "superuser": "est superutilisateur",
    "powers": "peut créer des rôles ou des bases, répliquer ou passer outre les règles des lignes",
    "member": "est membre du rôle {}",
    "owner": "est propriétaire de {}",
    "creator": "peut créer des objets dans {}",
    "truncate": "peut vider {}",
}


def list_secret_columns() -> dict[str, list[str] | str]:
    """Return the columns that the reader does not see, by table, as the apps declare them in `secret_columns`."""
    secrets: dict[str, list[str] | str] = {}
    for app in apps.get_app_configs():
        secrets |= getattr(app, "secret_columns", {})
    return secrets


def grant_everywhere() -> None:
    """Grant what the roles may do in every schema, and take back the rest. As the owner."""
    grant(["public", *Collectivity.objects.order_by("pk").values_list("schema_name", flat=True)])


@transaction.atomic
def define_functions() -> bool:
    """Create the functions that grant and that open schemas; return whether the rules changed. As the owner.

    What was recorded under other rules is deleted: `tenants.schema_snapshot` records it again.
    """
    names = {
        "application": sql.Identifier(_application()),
        "application_name": sql.Literal(_application()),
        "reader_name": sql.Literal(settings.DATABASE_READER["USER"]),
        "secrets": sql.Literal(json.dumps(list_secret_columns())),
    }
    with connection.cursor() as cursor:
        cursor.execute(RULES)
        before = cursor.fetchall()
        for statement in FUNCTIONS:
            cursor.execute(sql.SQL(statement).format(**names))
        cursor.execute(RULES)
        changed = bool(cursor.fetchall() != before)
    if changed:
        SchemaSnapshot.objects.all().delete()
    return changed


def list_recorded_grants(schema: str) -> list[str]:
    """Return the statements that grant all in a schema made like this one, without its name. As the owner."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.tenants_list_grants(%s, '')", [schema])
        return [statement for (statement,) in cursor.fetchall()]


def grant(schemas: Iterable[str]) -> None:
    """Grant what the roles may do in the schemas, and take back the rest: one statement a schema. As the owner."""
    with connection.cursor() as cursor:
        for schema in schemas:
            cursor.execute("SELECT public.tenants_grant_privileges(%s)", [schema])


def find_ungranted() -> list[str]:
    """Return the schemas in which the application may do more or less than it should, by one query."""
    return sorted({schema for schema, *_ in _find_wrong_tables()})


def find_faults() -> list[str]:
    """Return what the application's role may do and must not, or cannot and must: French sentences. Three queries."""
    role, reader = _application(), settings.DATABASE_READER["USER"]
    faults = [f"le rôle {role} {_ROLE_FAULTS[kind].format(what)}" for kind, what in list_role_faults(role)]
    for schema, table, excess, lack in _find_wrong_tables():
        for verb, privileges in (("peut", excess), ("ne peut pas", lack)):
            if privileges:
                faults.append(f"{schema}.{table} : le rôle {role} {verb} {', '.join(privileges)}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [reader])
        if cursor.rowcount:
            cursor.execute(READER_FAULTS, {"reader": reader, "secrets": json.dumps(list_secret_columns())})
            faults += [f"{schema}.{table} : le rôle {reader} peut {what}" for schema, table, what in cursor.fetchall()]
    return faults


def _find_wrong_tables() -> list[tuple[str, str, list[str], list[str]]]:
    """Return schema, table, privileges that the application has and should not, and those that it lacks."""
    with connection.cursor() as cursor:
        cursor.execute(WRONG_TABLES, {"role": _application()})
        rows: list[Any] = cursor.fetchall()
        return rows


def _application() -> str:
    """Return the name of the role of DATABASE_URL, whoever is connected."""
    name: str = settings.DATABASES["default"]["USER"]
    return name
