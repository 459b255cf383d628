"""Migrations of released versions do not change; new ones neither lock a table nor lose data."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models
from django_migration_linter import MigrationLinter

from installation import migration_contents
from schools.models import School
from tenants.management.commands import check_migrations
from tenants.models import Collectivity

FIRST, SECOND = "schools/migrations/0001_initial.py", "schools/migrations/0002_phone.py"


@pytest.fixture
def root(tmp_path, settings, monkeypatch):
    """A repository of two migrations whose first one was released."""
    for path in (FIRST, SECOND):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"# {path}\n")
    check_migrations.write_released(tmp_path, [FIRST])
    settings.ROOT = tmp_path
    names = {FIRST: ("schools", "0001_initial"), SECOND: ("schools", "0002_phone")}
    monkeypatch.setattr(
        migration_contents,
        "list_migrations",
        lambda: {path: names[path] for path in names if (tmp_path / path).exists()},
    )
    return tmp_path


@pytest.fixture
def linted(monkeypatch):
    """The migrations given to the linter, which finds those of `schools.0002_phone` unsafe."""
    given = []

    def find_unsafe(names):
        given.extend(names)
        return [name for name in given if name == ("schools", "0002_phone")]

    monkeypatch.setattr(check_migrations, "find_unsafe", find_unsafe)
    monkeypatch.setattr(check_migrations, "find_unnamed_constraints", lambda _names: [])
    return given


@pytest.mark.slow
def test_the_project_s_migrations_are_as_released(transactional_db):  # an index CONCURRENTLY is in none
    call_command("check_migrations")


def test_every_migration_of_ours_is_listed():
    paths = migration_contents.list_migrations()
    assert paths["tenants/migrations/0001_extensions.py"] == ("tenants", "0001_extensions")
    assert paths["platform/web/migrations/0001_cache.py"] == ("web", "0001_cache")
    assert not any("site-packages" in path for path in paths)


def test_a_changed_migration_of_a_released_version_is_refused(root, linted):
    (root / FIRST).write_text("# another\n")
    with pytest.raises(CommandError, match=FIRST):
        call_command("check_migrations")


def test_a_deleted_migration_of_a_released_version_is_refused(root, linted):
    (root / FIRST).unlink()
    with pytest.raises(CommandError, match=FIRST):
        call_command("check_migrations")


def test_a_release_cannot_overwrite_a_changed_migration(root, linted):
    (root / FIRST).write_text("# another\n")
    before = check_migrations.read_released(root)
    with pytest.raises(CommandError):
        call_command("check_migrations", release=True)
    assert check_migrations.read_released(root) == before


def test_only_unreleased_migrations_are_linted(root, linted):
    with pytest.raises(CommandError, match="schools 0002_phone"):
        call_command("check_migrations")
    assert linted == [("schools", "0002_phone")]


def test_a_migration_that_says_why_it_locks_is_accepted(root, linted):
    (root / SECOND).write_text(f"{check_migrations.EXEMPTION}a table of ten rows\n")
    call_command("check_migrations")
    assert linted == []


def test_nothing_is_linted_before_the_first_release(root, linted):
    check_migrations.write_released(root, [])
    call_command("check_migrations")
    assert linted == []


def test_a_release_records_every_migration(root, linted):
    (root / SECOND).write_text(f"{check_migrations.EXEMPTION}a table of ten rows\n")
    call_command("check_migrations", release=True)
    assert set(check_migrations.read_released(root)) == {FIRST, SECOND}
    (root / SECOND).write_text("# another\n")
    with pytest.raises(CommandError, match=SECOND):
        call_command("check_migrations")


@pytest.mark.parametrize(
    ("sql", "unsafe"),
    [
        ("ALTER TABLE schools_school ADD COLUMN fax text", False),
        ("ALTER TABLE schools_school DROP COLUMN phone", True),
        ("ALTER TABLE schools_school ALTER COLUMN phone TYPE integer", True),
        ("ALTER TABLE schools_school ADD COLUMN fax text NOT NULL", True),
        ("DROP TABLE schools_school", True),
        ("ALTER TABLE schools_school RENAME TO schools_place", True),
        ("CREATE INDEX school_phone ON schools_school (phone)", True),
        ("CREATE INDEX CONCURRENTLY school_phone ON schools_school (phone)", False),
    ],
)
def test_sql_that_locks_or_loses_is_found(db, monkeypatch, sql, unsafe):
    monkeypatch.setattr(MigrationLinter, "get_sql", lambda *_: [sql])
    assert bool(check_migrations.find_unsafe([("schools", "0001_initial")])) is unsafe


@pytest.mark.parametrize(
    ("field", "refused"),
    [
        (models.IntegerField(null=True), False),
        (models.CharField(max_length=9, default="unique, check (1)"), False),
        (models.ForeignKey(Collectivity, models.CASCADE, null=True), False),  # its constraint has a name
        (models.PositiveIntegerField(null=True), True),
        (models.CharField(max_length=9, null=True, unique=True), True),
    ],
)
def test_a_column_that_a_cluster_would_refuse_is_found(db, monkeypatch, field, refused):
    with connection.schema_editor(collect_sql=True) as editor:
        field.set_attributes_from_name("mine")
        field.model = School
        editor.add_field(School, field)
    monkeypatch.setattr(check_migrations, "call_command", lambda *_args, **_options: "\n".join(editor.collected_sql))
    assert bool(check_migrations.find_unnamed_constraints([("schools", "0002_phone")])) is refused


def test_the_columns_of_a_cluster_are_refused_by_name(root, monkeypatch):
    monkeypatch.setattr(check_migrations, "find_unsafe", lambda _names: [])
    monkeypatch.setattr(check_migrations, "find_unnamed_constraints", list)
    with pytest.raises(CommandError, match=r"sans nom.*\n  schools 0002_phone"):
        call_command("check_migrations")


@pytest.mark.slow
def test_the_project_s_first_migrations_create_and_neither_lock_nor_lose(db):
    assert check_migrations.find_unsafe([("schools", "0001_initial"), ("tenants", "0001_extensions")]) == []
