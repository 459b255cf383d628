"""What a database must be: one in SQL_ASCII or of ASCII's letters is refused, and the command makes neither."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from psycopg import sql

from core import database_access, start_checks
from core.database_access import DatabaseRoles, Login
from tenants import checks
from tests.database_roles import make_url
from tests.workers import ROOT

DATABASE = f"test_checks_{os.getpid()}"
ROLES = DatabaseRoles(Login(f"{DATABASE}_owner"), Login(f"{DATABASE}_app"), Login(f"{DATABASE}_reader"))
SQL_ASCII = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
ASCII_LETTERS = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"


@pytest.fixture
def server():
    """An administrator's connection; the database and the roles of the test are dropped in the end."""
    with database_access.connect(settings.DATABASE_ADMINISTRATOR, "postgres") as session:
        yield session
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
        for role in ROLES:
            session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role.name)))


def list_faults():
    with database_access.connect(settings.DATABASE_ADMINISTRATOR, DATABASE) as database:
        return start_checks.list_database_faults(database.cursor())


def create_roles_by_command():
    return subprocess.run(
        [sys.executable, "manage.py", "create_database_roles"],
        cwd=ROOT,
        env=os.environ
        | {
            "DATABASE_URL": make_url(ROLES.application, DATABASE),
            "OWNER_DATABASE_URL": make_url(ROLES.owner, DATABASE),
            "ADMINISTRATOR_DATABASE_URL": make_url(Login(settings.DATABASE_ADMINISTRATOR["USER"]), "postgres"),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        (SQL_ASCII, ["encoding is SQL_ASCII, and must be UTF8", "LC_CTYPE is C"]),
        (ASCII_LETTERS, ["LC_CTYPE is C, which knows no letters but those of ASCII"]),
    ],
)
def test_a_database_that_loses_accents_is_refused_by_the_command(server, options, sentences):
    server.execute(f"CREATE DATABASE {DATABASE} {options}")
    assert [sentence in fault for sentence, fault in zip(sentences, list_faults(), strict=True)] == [True] * len(
        sentences
    )
    answer = create_roles_by_command()
    assert answer.returncode != 0
    for sentence in sentences:
        assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
def test_a_new_database_has_letters_with_accents_and_the_extensions_of_the_migrations(server):
    answer = create_roles_by_command()
    assert (answer.returncode, answer.stderr) == (0, "")
    assert list_faults() == []
    with database_access.connect(settings.DATABASE_ADMINISTRATOR, DATABASE) as database:
        found = database.execute("SELECT extname, rolname FROM pg_extension JOIN pg_roles ON pg_roles.oid = extowner")
        extensions = dict(found.fetchall())
        assert database.execute("SELECT lower('ÉCOLE'), show_trgm('é') <> '{}'").fetchone() == ("école", True)
    # The owner's: it restores dumps, which comment on them.
    assert {extensions[name] for name in start_checks.EXTENSIONS} == {ROLES.owner.name}


def test_a_new_database_sorts_french_where_the_server_has_icu(server):
    database_access.create_roles(server, ROLES)
    database_access.create_database(server, DATABASE, ROLES)
    [has_icu] = server.execute("SELECT EXISTS (SELECT FROM pg_collation WHERE collname = 'fr-x-icu')").fetchone()
    with database_access.connect(settings.DATABASE_ADMINISTRATOR, DATABASE) as database:
        assert start_checks.sorts_french(database.cursor()) or not has_icu


class CursorOf:
    """A cursor whose every query has one answer."""

    def __init__(self, *row):
        self.row = row

    def execute(self, query):
        pass

    def fetchone(self):
        return self.row


def test_an_older_postgresql_is_refused():
    assert start_checks.list_database_faults(CursorOf(15, "UTF8", "fr_FR.UTF-8")) == []
    assert start_checks.list_database_faults(CursorOf(14, "UTF8", "fr_FR.UTF-8")) == [
        "PostgreSQL is 14, and 15 at least is needed."
    ]


def test_web_worker_and_migrations_do_not_start_on_an_unfit_database(db, settings, monkeypatch):
    # The worker limits the statements of its process, which here is that of the next tests.
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", dict(settings.DATABASES["default"]["OPTIONS"]))
    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(
        "core.start_checks.list_database_faults", lambda _cursor: ["The database's encoding is LATIN1."]
    )
    start_checks.refuse_unfit_database()
    settings.PRODUCTION = True
    with pytest.raises(ImproperlyConfigured, match=r"encoding is LATIN1\.\nmanage\.py create_database_roles"):
        start_checks.refuse_unfit_database()
    for command, arguments in (("worker", ["--until-idle"]), ("migrate_schemas", [])):
        with pytest.raises(CommandError, match="encoding is LATIN1"):
            call_command(command, *arguments)


def test_a_database_that_does_not_answer_stops_no_start(settings, monkeypatch):
    def fail():
        raise OperationalError("nobody there")

    settings.PRODUCTION = True
    monkeypatch.setattr(connection, "cursor", fail)
    monkeypatch.setattr(connection, "close", lambda: None)
    start_checks.refuse_unfit_database()


def test_the_check_before_a_deployment_tells_of_the_database(db, monkeypatch):
    assert checks.check_database(None) == []
    assert [found.id for found in checks.check_database(None, ["default"]) if found.id != "peps.W021"] == []
    monkeypatch.setattr("core.start_checks.sorts_french", lambda _cursor: False)
    assert [found.id for found in checks.check_database(None, ["default"])] == ["peps.W021"]
    monkeypatch.setattr("core.start_checks.list_database_faults", lambda _cursor: ["One.", "Two."])
    assert [found.id for found in checks.check_database(None, ["default"])] == ["peps.E020"] * 2
