"""Making the roles of a database: anew, again, and for a database that one role owned and served."""

import os
import subprocess
import sys
from io import StringIO

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError
from psycopg import sql

from config.database import from_urls
from core import database_access, start_checks
from core.connections import OwnerUnknown, connected_as_owner
from core.database_access import DatabaseRoles, Login, RolesRefused
from tests.database_roles import execute_as_administrator, make_url
from tests.workers import ROOT

DATABASE = f"test_roles_{os.getpid()}"
ROLES = DatabaseRoles(
    Login(f"{DATABASE}_owner", "mot de passe n° 1"),
    Login(f"{DATABASE}_app", "mot de passe n° 2"),
    Login(f"{DATABASE}_reader"),
)


@pytest.fixture
def server():
    """An administrator's connection; the database and the roles of the test are dropped in the end."""
    with database_access.connect(settings.DATABASE_ADMINISTRATOR, "postgres") as session:
        yield session
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
        for role in (*ROLES, Login(f"{DATABASE}_former")):
            session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role.name)))


def connect(role, database=DATABASE):
    return database_access.connect(
        settings.DATABASE_ADMINISTRATOR | {"USER": role.name, "PASSWORD": role.password}, database
    )


def read_powers(server, name):
    columns = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolpassword"
    return server.execute(f"SELECT {columns} FROM pg_authid WHERE rolname = %s", [name]).fetchone()  # noqa: S608


def test_the_roles_have_no_powers_and_their_passwords_are_hashed(server):
    database_access.create_roles(server, ROLES)
    for role in ROLES:
        *powers, password = read_powers(server, role.name)
        assert powers == [False] * 5
        assert password is None if not role.password else password.startswith("SCRAM-SHA-256$")


def test_made_again_they_lose_what_they_were_given_and_get_the_new_password(server):
    database_access.create_roles(server, ROLES)
    *_, before = read_powers(server, ROLES.application.name)
    server.execute(f"ALTER ROLE {ROLES.application.name} SUPERUSER CREATEDB")
    server.execute(f"GRANT {ROLES.owner.name} TO {ROLES.application.name}")
    database_access.create_roles(server, ROLES._replace(application=Login(ROLES.application.name, "un autre")))
    *powers, password = read_powers(server, ROLES.application.name)
    assert powers == [False] * 5
    assert password != before
    member = "SELECT pg_has_role(%s, %s, 'MEMBER')"
    assert server.execute(member, [ROLES.application.name, ROLES.owner.name]).fetchone() == (False,)


@pytest.mark.parametrize(
    "roles",
    [ROLES._replace(reader=ROLES.owner), ROLES._replace(application=Login(settings.DATABASE_ADMINISTRATOR["USER"]))],
)
def test_roles_that_are_one_or_the_administrator_are_refused(server, roles):
    with pytest.raises(RolesRefused):
        database_access.create_roles(server, roles)
    assert database_access.list_missing(server, ROLES.names()) == ROLES.names()


def test_nobody_else_connects_and_the_reader_makes_not_even_temporary_tables(server):
    database_access.create_roles(server, ROLES)
    assert database_access.create_database(server, DATABASE, ROLES)
    assert not database_access.create_database(server, DATABASE, ROLES)
    server.execute(f"CREATE ROLE {DATABASE}_former LOGIN")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        connect(Login(f"{DATABASE}_former"))
    with connect(ROLES.application) as application, connect(ROLES.reader) as reader:
        application.execute("CREATE TEMPORARY TABLE mine (id int)")
        for session, statement in (
            (reader, "CREATE TEMPORARY TABLE mine (id int)"),
            (reader, "CREATE SCHEMA mine"),
            (application, "CREATE SCHEMA mine"),
            (application, "CREATE TABLE public.mine (id int)"),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement)


def test_what_a_single_role_owned_goes_to_the_owner_in_every_schema(server):
    """An installation of before: one role owned and served. Objects of extensions stay the administrator's."""
    database_access.create_roles(server, ROLES)
    server.execute(f"CREATE DATABASE {DATABASE}")
    with database_access.connect(settings.DATABASE_ADMINISTRATOR, DATABASE) as database:
        database.execute("CREATE EXTENSION pg_trgm")
        database.execute(
            f"GRANT CREATE ON DATABASE {DATABASE} TO {ROLES.application.name};"
            f"GRANT ALL ON SCHEMA public TO {ROLES.application.name}, PUBLIC"
        )
    with connect(ROLES.application) as former:
        former.execute(
            'CREATE SCHEMA "c_Été";'
            'CREATE TABLE "c_Été"."Ma table" (id bigint GENERATED BY DEFAULT AS IDENTITY, n serial);'
            "CREATE TABLE public.mine (id int PRIMARY KEY); CREATE TYPE public.mood AS ENUM ('gai');"
            "CREATE VIEW public.seen AS SELECT * FROM public.mine; CREATE SEQUENCE public.counted;"
            "CREATE FUNCTION public.f(text, int) RETURNS int LANGUAGE sql AS 'SELECT 1'"
        )
    database_access.create_database(server, DATABASE, ROLES)
    with database_access.connect(settings.DATABASE_ADMINISTRATOR, DATABASE) as database:
        assert database_access.transfer_ownership(database, ROLES.owner.name) == 6
        assert database_access.transfer_ownership(database, ROLES.owner.name) == 0
        kept = "SELECT count(*) FROM pg_shdepend WHERE refobjid = %s::regrole AND deptype = 'o' AND dbid ="
        kept += " (SELECT oid FROM pg_database WHERE datname = current_database())"
        assert database.execute(kept, [ROLES.application.name]).fetchone() == (0,)
    with connect(ROLES.owner) as owner, connect(ROLES.application) as application:
        owner.execute("DROP TABLE public.mine CASCADE")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute('DROP TABLE "c_Été"."Ma table"')


@pytest.mark.slow
def test_the_command_makes_all_of_it_from_the_urls_and_prints_no_password(server):
    variables = {
        "DATABASE_URL": make_url(ROLES.application, DATABASE),
        "OWNER_DATABASE_URL": make_url(ROLES.owner, DATABASE),
        "ADMINISTRATOR_DATABASE_URL": make_url(Login(settings.DATABASE_ADMINISTRATOR["USER"]), "postgres"),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    command = [sys.executable, "manage.py", "create_database_roles"]
    outputs = [
        subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=True).stdout  # noqa: S603
        for _ in range(2)
    ]
    assert f"Base {DATABASE} : créée" in outputs[0]
    assert f"Base {DATABASE} : existante, 0 objets" in outputs[1]
    assert "Lancez migrate_schemas" in outputs[1]
    assert "mot de passe n°" not in "".join(outputs)
    assert database_access.list_missing(server, ROLES.names()) == set()


def test_the_command_says_which_url_is_missing(settings):
    settings.DATABASE_OWNER = None
    with pytest.raises(CommandError, match=r"OWNER_DATABASE_URL .* ADMINISTRATOR_DATABASE_URL"):
        call_command("create_database_roles", stdout=StringIO())


def test_migrating_without_the_owner_is_refused_in_a_sentence(settings, db):
    settings.DATABASE_OWNER = None
    with pytest.raises(CommandError, match=r"La mise à jour des schémas demande le propriétaire .* OWNER_DATABASE_URL"):
        call_command("migrate_schemas", verbosity=0)
    with pytest.raises(OwnerUnknown), connected_as_owner("Ceci"):
        pass


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [
        ({"owner": "postgresql://o:p@h/other"}, "OWNER_DATABASE_URL and DATABASE_URL must name the same database"),
        ({"owner": "postgresql://u:p@h/d"}, "OWNER_DATABASE_URL and DATABASE_URL must name two roles"),
        ({"reader": "postgresql://u:p@h/d"}, "READER_DATABASE_URL and DATABASE_URL must name two roles"),
        ({"administrator": "mysql://a:p@h"}, "ADMINISTRATOR_DATABASE_URL must read postgresql://"),
    ],
)
def test_urls_that_contradict_each_other_are_refused(urls, sentence):
    given = {"application": "postgresql://u:p@h/d", "owner": "", "administrator": "", "reader": ""} | urls
    with pytest.raises(ImproperlyConfigured, match=sentence):
        from_urls(**given)


def test_the_reader_is_called_after_the_database():
    access = from_urls(application="postgresql://u:p@h/peps", owner="", administrator="", reader="")
    assert (access.reader["USER"], access.owner, access.administrator) == ("peps_reader", None, None)


# --- At the start ----------------------------------------------------------------------------------------------------


def test_a_server_does_not_start_as_a_role_that_may_do_too_much(committing, settings, monkeypatch):
    # The worker limits the statements of its process, which here is that of the next tests.
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", dict(settings.DATABASES["default"]["OPTIONS"]))
    start_checks.refuse_privileged_role()
    role = settings.DATABASES["default"]["USER"]
    execute_as_administrator(f"GRANT TRUNCATE ON public.billing_invoice TO {role}")
    try:
        start_checks.refuse_privileged_role()
        settings.PRODUCTION = True
        with pytest.raises(ImproperlyConfigured, match=f"The role {role} of DATABASE_URL may truncate billing_invoice"):
            start_checks.refuse_privileged_role()
        with pytest.raises(CommandError, match="may truncate billing_invoice"):
            call_command("worker", "--until-idle")
    finally:
        execute_as_administrator(f"REVOKE TRUNCATE ON public.billing_invoice FROM {role}")
    start_checks.refuse_privileged_role()


def test_the_owner_and_a_superuser_have_faults_and_the_application_none(db):
    kinds = [
        {kind for kind, _ in start_checks.list_role_faults(role["USER"])}
        for role in (settings.DATABASES["default"], settings.DATABASE_OWNER, settings.DATABASE_ADMINISTRATOR)
    ]
    assert kinds[0] == set()
    assert kinds[1] >= {"owner", "creator", "truncate"}
    assert kinds[2] >= {"superuser", "creator", "truncate"}


def test_a_database_that_does_not_answer_is_no_reason_not_to_start(settings, monkeypatch):
    def fail(*_):
        raise OperationalError("nobody there")

    settings.PRODUCTION = True
    monkeypatch.setattr("core.start_checks.list_role_faults", fail)
    start_checks.refuse_privileged_role()


def test_the_check_before_a_deployment_lists_what_is_wrong(db, settings):
    execute_as_administrator(
        f"GRANT UPDATE ON c_gard.collectivities_auditentry TO {settings.DATABASES['default']['USER']}"
    )
    from tenants import checks  # noqa: PLC0415 - registers by decorator

    assert checks.check_privileges(None) == []
    assert [
        "c_gard.collectivities_auditentry" in error.msg for error in checks.check_privileges(None, ["default"])
    ] == [True]
