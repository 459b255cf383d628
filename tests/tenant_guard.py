"""Fails a test in which a tenant's data is read or written in another schema than its own.

Three checks, without a query of their own:

- a statement on a tenant's table runs with that tenant as the connection's, and the `search_path` says the same;
- a queryset is evaluated in the schema where it was made;
- an object is saved and deleted in the schema where it was loaded.

In addition the collectivities of the tests share no primary key (`separate_ids`): an id that strays finds nothing.
"""

# ruff: noqa: SLF001 - Django's `_meta` and `_state`, and the interpreter's frames

import importlib
import re
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from django.apps import apps
from django.conf import settings
from django.db.backends.signals import connection_created
from django.db.models import Model
from django.db.models.base import ModelState
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler
from django_tenants.utils import get_public_schema_name

from core.connections import connection
from tests.database_roles import execute_as_administrator

#: Modules that read the tables of many schemas in one statement, or build a schema, and name each.
ACROSS_SCHEMAS = {
    "tenants.cross_schema",
    "tenants.privileges",
    "tenants.provisioning",
    "tenants.schema_migrations",
    "tenants.schema_snapshot",
}


_across_schemas: ContextVar[bool] = ContextVar("across_schemas", default=False)


class WrongSchema(AssertionError):
    """A tenant's data was about to be read or written in another schema."""


@contextmanager
def allowing_all_schemas():
    """Let the statements of the block name the tables of every schema."""
    token = _across_schemas.set(True)
    try:
        yield
    finally:
        _across_schemas.reset(token)


def _list_tenant_models() -> set[type[Model]]:
    labels = {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}
    return {model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in labels}


TENANT_MODELS = _list_tenant_models()
#: Tables that stand in tenants' schemas alone; the outbox stands in the public one as well.
TENANT_TABLES = {
    model._meta.db_table
    for model in TENANT_MODELS
    if apps.get_app_config(model._meta.app_label).name not in settings.SHARED_APPS
}
_NAMED = re.compile(rf'(?:"?(\w+)"?\.)?"?\b({"|".join(sorted(TENANT_TABLES))})\b"?(?!["\w])')
#: Statements that read or write no row.
_DEFINITION = re.compile(r"\s*(ALTER|COMMENT|CREATE|DROP)\b", re.IGNORECASE)
_PUBLIC = str(get_public_schema_name())


@lru_cache(maxsize=10_000)
def _list_schemas_named(statement):
    """The schemas of the tenants' tables that a statement reads or writes; "" for a table without schema."""
    return frozenset() if _DEFINITION.match(statement) else frozenset(schema for schema, _ in _NAMED.findall(statement))


def check_statement(execute, sql, params, many, context):
    """An `execute_wrapper`: raises `WrongSchema` before a statement that would touch another tenant's table."""
    text = str(sql)
    named = _list_schemas_named(text)
    # The stack is walked last, for a refusal alone: it has a hundred frames.
    if named and (refusal := _find_refusal(named, context["connection"])) and not _is_across_schemas():
        raise WrongSchema(f"{refusal} {text[:200]}")
    return execute(sql, params, many, context)


def _find_refusal(named, wrapper):
    """Return why a statement on these schemas is wrong; compares with what PostgreSQL 18 reports of each session."""
    current = wrapper.schema_name
    if current == _PUBLIC and "" in named:
        return "No tenant is set:"
    if strangers := named - {"", current}:
        return f"In {current}, a statement names a table of {strangers}:"
    reported = wrapper.connection.info.parameter_status("search_path") if wrapper.connection else None
    if reported is not None and reported.partition(",")[0].strip(' "') != current:
        return f"The connection is of {current}, the server's search_path is {reported}:"
    return ""


def _is_across_schemas():
    if _across_schemas.get():
        return True
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name in ACROSS_SCHEMAS or name == "django.db.migrations.executor":
            return True
        frame = frame.f_back
    return False


def _install_on_connection(*, connection, **_):
    if check_statement not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, check_statement)


def _check_query(query):
    made_in = getattr(query, "made_in", None)
    if made_in is not None and made_in != connection.schema_name:
        where = connection.schema_name
        raise WrongSchema(f"A queryset of {query.model.__name__} made in {made_in} is evaluated in {where}.")
    inner = getattr(query, "inner_query", None)
    if inner is not None:
        _check_query(inner)


def install(patch):
    """Install the checks for the run."""
    # A viewset's queryset belongs to no schema: it is made when its module is loaded, whichever schema that is in.
    importlib.import_module("config.urls_api")
    connection_created.connect(_install_on_connection)
    if connection.connection is not None:
        _install_on_connection(connection=connection)
    make_query, execute = Query.__init__, SQLCompiler.execute_sql
    save_base, delete = Model.save_base, Model.delete

    def note_schema_of_query(self, model, *args, **kwargs):
        make_query(self, model, *args, **kwargs)
        if model in TENANT_MODELS:
            self.made_in = connection.schema_name

    def check_then_execute(self, *args, **kwargs):
        _check_query(self.query)
        return execute(self, *args, **kwargs)

    def note_schema_of_object(self):
        self.schema = connection.schema_name

    def check(instance):
        state = instance._state
        if type(instance) in TENANT_MODELS and not state.adding and state.schema != connection.schema_name:
            raise WrongSchema(f"{instance!r} of {state.schema} is written in {connection.schema_name}.")

    def check_then_save(self, *args, **kwargs):
        check(self)
        return save_base(self, *args, **kwargs)

    def check_then_delete(self, *args, **kwargs):
        check(self)
        return delete(self, *args, **kwargs)

    patch.setattr(Query, "__init__", note_schema_of_query)
    patch.setattr(SQLCompiler, "execute_sql", check_then_execute)
    patch.setattr(ModelState, "__init__", note_schema_of_object)
    patch.setattr(Model, "save_base", check_then_save)
    patch.setattr(Model, "delete", check_then_delete)


def separate_ids(collectivity, first):
    """Let the ids of a collectivity's tables begin at a number of their own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = %s", [collectivity.schema_name])
        for (name,) in cursor.fetchall():
            execute_as_administrator(f'ALTER SEQUENCE "{collectivity.schema_name}"."{name}" RESTART WITH {first}')
