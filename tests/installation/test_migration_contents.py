"""A database that other migrations made than those of the code is refused, by name and with what to do."""

import io

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from installation import migration_contents
from installation.models import MigrationContent
from tests.database_roles import execute_as_administrator
from tests.waits import LAST_S
from tests.workers import running_worker

pytestmark = pytest.mark.as_owner
EDITED = "pools.0001_initial"


def edit():
    """Have the database be made by another content of a migration."""
    execute_as_administrator(
        "UPDATE public.installation_migrationcontent SET sha256 = 'of another'"
        " WHERE app = 'pools' AND name = '0001_initial'"
    )


def test_every_migration_of_the_project_is_noted(db):
    assert MigrationContent.objects.count() == len(migration_contents.list_migrations())
    assert migration_contents.find_changed() == []
    migration_contents.refuse_changed_migrations()


def test_migrate_schemas_refuses_and_says_what_to_do(db):
    edit()
    with pytest.raises(CommandError, match=rf"{EDITED}(.|\n)*--accept-changed"):
        call_command("migrate_schemas", stdout=io.StringIO())


@pytest.mark.slow
def test_who_has_changed_the_tables_says_so(db):
    edit()
    call_command("migrate_schemas", "--accept-changed", stdout=io.StringIO())
    assert migration_contents.find_changed() == []


def test_what_is_noted_once_stays(db):
    edit()
    migration_contents.note_contents()
    assert migration_contents.find_changed() == [EDITED]


def test_a_migration_that_is_gone_is_no_fault(db):
    MigrationContent.objects.create(app="pools", name="0000_before", sha256="x")
    assert migration_contents.find_changed() == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_neither_pages_nor_workers_start_on_it():
    edit()
    try:
        with pytest.raises(ImproperlyConfigured, match=EDITED):
            migration_contents.refuse_changed_migrations()
        with running_worker("--until-idle") as process:
            assert EDITED in process.communicate(timeout=LAST_S)[1]
    finally:
        migration_contents.note_contents(anew=True)
