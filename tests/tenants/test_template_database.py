"""The migrated database that tests, benches and demonstrations copy is what the migrations make."""

import re
import subprocess
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.conf import settings
from psycopg import sql

from core import database_access
from core.connections import connected_as_owner
from installation import hold
from installation.hold import HoldCause
from tenants import template_database
from tests import cluster
from tests.access.stolen_copy.database_dump import PG_DUMP

pytestmark = cluster.one_server

#: What differs between two runs of the same migrations, or of the same pg_dump.
_MOMENTS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+\d\d|^\\(un)?restrict .*$", re.MULTILINE)


@contextmanager
def database(name, make):
    """Have a database made for the block."""
    drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    with database_access.connect(settings.DATABASE_OWNER, "postgres") as server:
        server.execute(drop)
        try:
            make(server, name)
            yield name
        finally:
            server.execute(drop)


def copy(server, name):
    template = sql.Identifier(template_database.ensure_template())
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template))


def dump(name):
    owner = settings.DATABASE_OWNER
    command = [PG_DUMP, "--host", owner["HOST"], "--username", owner["USER"], "--dbname", name]
    command += ["--exclude-table-data=installation_installation", "--exclude-table-data=*.django_migrations"]
    written = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command
    return _MOMENTS.sub("", written).splitlines()


@pytest.mark.slow
def test_the_template_is_what_the_migrations_make(db):
    with database("peps_made_anew", template_database.make_migrated) as anew, database("peps_copied", copy) as copied:
        made, kept = dump(anew), dump(copied)
    assert len(made) > 10_000
    assert kept == made


def test_every_migration_and_every_declaration_of_an_app_makes_the_template():
    sources = {path.as_posix() for path in template_database.list_sources()}
    ours = [config for config in apps.get_app_configs() if "site-packages" not in config.path]
    assert {f"{config.path}/apps.py" for config in ours} <= sources
    assert f"{settings.ROOT}/tenants/privileges.py" in sources
    assert sum("/migrations/0" in path for path in sources) > 100


def test_another_byte_of_a_migration_makes_another_template(monkeypatch, tmp_path):
    migration = tmp_path / "migrations" / "0001_initial.py"
    migration.parent.mkdir()
    monkeypatch.setattr(template_database, "list_sources", lambda: [migration])
    names = set()
    for content in ("operations = []", "operations = [ ]"):
        migration.write_text(content)
        names.add(template_database.compute_fingerprint.__wrapped__())
    assert len(names) == 2


def test_a_template_of_other_migrations_is_dropped(db, monkeypatch):
    """The one that is made in its place is empty here: what makes it is tried above."""
    kept = template_database.ensure_template()
    monkeypatch.setattr(template_database, "_PREFIX", "peps_tried_template_")
    monkeypatch.setattr(
        template_database,
        "make_migrated",
        lambda server, name: server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))),
    )
    for fingerprint in ("first", "second"):
        monkeypatch.setattr(template_database, "compute_fingerprint", lambda fingerprint=fingerprint: fingerprint)
        made = template_database.ensure_template()
        assert template_database.ensure_template() == made == f"peps_tried_template_{fingerprint}"
    with database_access.connect(settings.DATABASE_OWNER, "postgres") as server:
        names = {name for (name,) in server.execute("SELECT datname FROM pg_database").fetchall()}
        assert {kept, made} <= names
        assert "peps_tried_template_first" not in names
        server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(made)))


def test_a_copy_acts_once_it_is_adopted(db):
    """Without that it is taken for a restored copy, which nothing leaves."""
    with database("peps_copied", copy) as name, connected_as_owner("Ce test", database=name):
        assert hold.find_hold() == HoldCause.DATABASE
        template_database.adopt_copy()
        assert hold.find_hold() is None
