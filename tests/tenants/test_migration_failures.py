"""A schema that cannot be read or migrated is named, and stops nobody."""

import io

import pytest
from django.core.management import CommandError, call_command

from core.connections import connection
from tenants import lock_timeouts, schema_migrations
from tests.races import open_transaction
from tests.tenants.added_migrations import COLUMN

pytestmark = [pytest.mark.as_owner, pytest.mark.django_db(transaction=True)]

CHECK = "migrations.RunSQL('ALTER TABLE imports_spreadsheetimport ADD CONSTRAINT short CHECK (length(note) < 20)')"
COLUMNS = """
SELECT table_schema FROM information_schema.columns
WHERE table_name = 'imports_spreadsheetimport' AND column_name = 'note' ORDER BY 1
"""


def ask(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [one for (one, *_) in cursor.fetchall()] if cursor.description else None


def migrate(schemas):
    outcome = schema_migrations.migrate_collectivities(schemas=schemas)
    return sorted(outcome.migrated), {failure.schema: failure.error for failure in outcome.failed}


BREACHES = {
    "schema_dropped": ("DROP SCHEMA c_cahors CASCADE", "n'existe pas"),
    "migrations_renamed": ("ALTER TABLE c_cahors.django_migrations RENAME TO kept", "a perdu sa table"),
    "migrations_changed": ("ALTER TABLE c_cahors.django_migrations DROP COLUMN app", 'column "app" does not exist'),
    "outbox_dropped": ("DROP TABLE c_cahors.mailing_message CASCADE", "Il manque au schéma c_cahors : mailing_message"),
    "table_renamed": ("ALTER TABLE c_cahors.imports_spreadsheetimport RENAME TO kept", "does not exist"),
    "constraint_in_the_way": (
        "ALTER TABLE c_cahors.imports_spreadsheetimport ADD CONSTRAINT short CHECK (true)",
        'constraint "short" for relation "imports_spreadsheetimport" already exists',
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("breach", "message"), BREACHES.values(), ids=BREACHES)
def test_a_broken_schema_is_named_and_left_as_it_was(offices, added, breach, message):
    ask(breach)
    added.add("0013_note", COLUMN)
    added.add("0014_check", CHECK)
    migrated, failed = migrate(offices)
    sound = [schema for schema in offices if schema != "c_cahors"]
    assert (migrated, list(failed)) == (sound, ["c_cahors"])
    assert message in failed["c_cahors"]
    assert ask(COLUMNS) == sound


@pytest.mark.slow
def test_where_the_first_schema_fails_the_next_is_recorded(offices, added):
    ask("ALTER TABLE c_ales.imports_spreadsheetimport ADD CONSTRAINT short CHECK (true)")
    added.add("0013_note", COLUMN)
    added.add("0014_check", CHECK)
    migrated, failed = migrate(offices)
    assert (migrated, list(failed)) == (offices[1:], ["c_ales"])


@pytest.mark.slow
def test_a_lock_that_another_session_keeps_holds_up_its_schema_alone(offices, added, monkeypatch):
    monkeypatch.setattr(lock_timeouts, "LOCK_TIMEOUT", 100)
    added.add("0013_note", COLUMN)

    def hold():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE imports_spreadsheetimport IN ACCESS SHARE MODE")

    with open_transaction("c_cahors", hold):
        migrated, failed = migrate(offices)
    assert (len(migrated), list(failed)) == (2, ["c_cahors"])
    assert "verrou non obtenu en 5 essais" in failed["c_cahors"]
    assert migrate(offices) == (["c_cahors"], {})


def test_the_command_ends_with_an_error_that_names_the_schema(offices):
    ask("ALTER TABLE c_cahors.django_migrations RENAME TO kept")
    with pytest.raises(CommandError, match="c_cahors : Le schéma c_cahors a perdu sa table"):
        call_command("migrate_schemas", tenant=True, stdout=io.StringIO())
