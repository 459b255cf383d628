"""What Django ran in one schema is replayed in the others; what cannot be replayed, Django runs in each."""

import pytest
from django.conf import settings as configuration

from core.connections import connection
from tenants import privileges, schema_migrations
from tests.database_roles import execute_as_administrator
from tests.tenants.added_migrations import COLUMN
from tests.tenants.schema_description import describe_schema
from tests.tiers import sampled

pytestmark = [pytest.mark.as_owner, pytest.mark.django_db(transaction=True)]

TABLE = """
migrations.CreateModel("Remark", [
    ("id", models.BigAutoField(primary_key=True)),
    ("text", models.TextField()),
    ("subject", models.ForeignKey("imports.spreadsheetimport", models.CASCADE)),
]),
"""
#: A table with a row that waits for the check of its deferred foreign key.
FAMILY = """
migrations.CreateModel("Parent", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]),
migrations.CreateModel("Child", [
    ("id", models.BigAutoField(primary_key=True)),
    ("parent", models.ForeignKey("imports.parent", models.CASCADE)),
]),
"""
ROWS = """
migrations.RunSQL("INSERT INTO imports_parent (id, name) OVERRIDING SYSTEM VALUE VALUES (7, '100 %')"),
migrations.RunSQL("INSERT INTO imports_child (parent_id) VALUES (7)"),
"""
#: Python that writes what no recorded statement could: the name of its schema.
COMMENT = """
def comment(apps, schema_editor):
    assert apps.get_model("imports", "spreadsheetimport")._meta.get_field("note")
    schema_editor.execute(
        f"COMMENT ON TABLE imports_spreadsheetimport IS '{schema_editor.connection.schema_name}'"
    )
"""
INDEX = """
django.contrib.postgres.operations.AddIndexConcurrently(
    "spreadsheetimport", models.Index(fields=["note"], name="imports_note")
),
"""
COMMENTS = """
SELECT nspname, obj_description(pg_class.oid) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relname = 'imports_spreadsheetimport' AND nspname = ANY(%s) ORDER BY 1
"""


def ask(statement, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture
def ways(monkeypatch):
    """The schemas that replay a step, and those in which Django runs it, in lists that grow."""
    replayed, by_django = [], []
    replay, run = schema_migrations.replay, schema_migrations.run_by_django

    def note_replay(schema, step):
        replayed.append(schema)
        return replay(schema, step)

    def note_run(schema, *arguments):
        by_django.append(schema)
        return run(schema, *arguments)

    monkeypatch.setattr(schema_migrations, "replay", note_replay)
    monkeypatch.setattr(schema_migrations, "run_by_django", note_run)
    return replayed, by_django


def migrate(schemas):
    """Migrate the schemas; all must succeed, become alike, and have nothing left to do."""
    outcome = schema_migrations.migrate_collectivities(schemas=schemas)
    assert (sorted(outcome.migrated), outcome.failed) == (schemas, [])
    first, *others = [describe_schema(schema) for schema in schemas]
    assert others == [first] * (len(schemas) - 1)
    assert schema_migrations.migrate_collectivities(schemas=schemas).up_to_date == len(schemas)
    return first


@pytest.mark.parametrize("connections", sampled([1, 4], fast=1))
def test_a_column_is_added_by_django_once_and_replayed_elsewhere(offices, added, settings, ways, connections):
    settings.MIGRATION_CONNECTIONS = connections
    added.add("0013_note", COLUMN)
    assert ("column", "imports_spreadsheetimport", "note") in [row[:3] for row in migrate(offices)]
    replayed, by_django = ways
    assert (sorted(replayed), by_django) == (offices[1:], [])


@pytest.mark.slow
def test_a_new_table_and_its_sequence_are_granted_in_the_same_transaction(offices, added):
    added.add("0013_remark", TABLE)
    migrate(offices)
    assert privileges.find_ungranted() == []
    application = configuration.DATABASES["default"]["USER"]
    assert ask("SELECT has_sequence_privilege(%s, 'c_cahors.imports_remark_id_seq', 'USAGE')", [application]) == [
        (True,)
    ]


@pytest.mark.slow
def test_python_runs_in_each_schema_between_what_is_replayed(offices, added, ways):
    added.add("0013_note", COLUMN)
    added.add("0014_comment", "migrations.RunPython(comment)", setup=COMMENT)
    added.add("0015_remark", TABLE)
    migrate(offices)
    assert ask(COMMENTS, [offices]) == [(schema, schema) for schema in offices]
    replayed, by_django = ways
    assert (sorted(replayed), sorted(by_django)) == (sorted(offices[1:] * 2), offices[1:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "operation",
    [
        "migrations.RunSQL(\"COMMENT ON TABLE imports_spreadsheetimport IS 'c_ales'\")",
        "migrations.RunSQL(['SELECT set_config(\\'peps.audited_at\\', \\'\\', true)', ('SELECT 1', None)])",
        "migrations.AddField('spreadsheetimport', 'mark', models.UUIDField(default=uuid.uuid4))",
        "migrations.AddField('spreadsheetimport', 'seen_at', models.DateTimeField(auto_now_add=True, null=True))",
        "migrations.SeparateDatabaseAndState([migrations.RunPython(migrations.RunPython.noop)])",
        "Custom('SELECT 1')",
    ],
    ids=["name_of_the_schema", "select", "computed_default", "moment", "python_within", "operation_of_ours"],
)
def test_what_may_differ_between_schemas_is_not_replayed(offices, added, ways, operation):
    added.add("0013_computed", operation, setup=CUSTOM)
    migrate(offices)
    assert ways == ([], offices[1:])


CUSTOM = """
class Custom(migrations.RunSQL.__base__):
    def __init__(self, sql):
        self.sql = sql
    def state_forwards(self, app_label, state):
        pass
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        schema_editor.execute(self.sql)
"""


@pytest.mark.slow
def test_rows_that_wait_for_a_deferred_check_do_not_stop_the_next_migration(offices, added, ways):
    added.add("0013_family", FAMILY)
    added.add("0014_rows", ROWS)
    added.add("0015_age", "migrations.AddField('child', 'age', models.IntegerField(default=0))")
    migrate(offices)
    assert ask(
        "SELECT child.age, parent.name FROM c_beziers.imports_child AS child JOIN c_beziers.imports_parent AS parent"
        " ON parent.id = child.parent_id"
    ) == [(0, "100 %")]
    assert ways[1] == []


@pytest.mark.slow
def test_an_index_is_built_concurrently_in_each_schema(offices, added, ways):
    added.add("0013_note", COLUMN)
    added.add("0014_index", INDEX, atomic=False)
    migrate(offices)
    assert ways[1] == []


@pytest.mark.slow
def test_an_index_that_a_killed_run_left_invalid_is_built_again(offices, added):
    added.add("0013_note", COLUMN)
    migrate(offices)
    for schema in offices[1:]:
        ask(f"CREATE INDEX imports_note ON {schema}.imports_spreadsheetimport (note)")
        execute_as_administrator(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [f"{schema}.imports_note"]
        )
    added.add("0014_index", INDEX, atomic=False)
    migrate(offices)
    assert ask(
        "SELECT count(*), bool_and(indisvalid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
        " WHERE relname = 'imports_note'"
    ) == [(3, True)]


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_where_it_was(offices, added, settings, monkeypatch):
    settings.MIGRATION_CONNECTIONS = 1
    added.add("0013_note", COLUMN)
    added.add("0014_remark", TABLE)
    replay = schema_migrations.replay

    def stop(schema, step):
        if schema == "c_cahors":
            raise KeyboardInterrupt
        replay(schema, step)

    with monkeypatch.context() as patch:
        patch.setattr(schema_migrations, "replay", stop)
        with pytest.raises(KeyboardInterrupt):
            schema_migrations.migrate_collectivities(schemas=offices)
    outcome = schema_migrations.migrate_collectivities(schemas=offices)
    assert (outcome.up_to_date, sorted(outcome.migrated), outcome.failed) == (2, offices[2:], [])
    assert privileges.find_ungranted() == []
