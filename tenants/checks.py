"""Checks of `manage.py check`: offices' references to the public schema; with `--deploy`, the database, its roles."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models

from core import start_checks
from tenants import checkpoints, privileges

#: Faults that are listed; the rest are counted.
_MAX_LISTED = 20


@register(Tags.models)
def check_references(app_configs: Any, **_kwargs: Any) -> list[Error]:  # noqa: ARG001 - Django's
    """Return an error for each foreign key with a constraint from an office's table to a public one."""
    in_offices = {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}
    return [
        Error(
            f"{field} refers to the public schema with a constraint, which puts two triggers for each office on its "
            "table.",
            hint="Give it db_constraint=False and on_delete=DO_NOTHING (docs/decisions/0156).",
            obj=model,
            id="peps.E011",
        )
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in in_offices  # noqa: SLF001 - documented
        for field in model._meta.local_fields  # noqa: SLF001 - documented
        if isinstance(field, models.ForeignKey)
        and field.db_constraint  # type: ignore[attr-defined]  # not in the stubs
        and field.remote_field.model._meta.app_label not in in_offices  # noqa: SLF001 - documented
    ]


@register(Tags.database, deploy=True)
def check_privileges(app_configs: Any, databases: Any = None, **_kwargs: Any) -> list[Error]:  # noqa: ARG001 - Django's
    """Return an error for each fault of the application's and the reader's privileges."""
    if not databases:
        return []
    faults = privileges.find_faults()
    errors = [Error(fault, id="peps.E010") for fault in faults[:_MAX_LISTED]]
    if len(faults) > _MAX_LISTED:
        errors.append(Error(f"et {len(faults) - _MAX_LISTED} de plus", id="peps.E010"))
    return errors


@register(Tags.database, deploy=True)
def check_database(app_configs: Any, databases: Any = None, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's
    """Return an error for each thing that the database must be and is not, or a warning where it sorts as English."""
    if not databases:
        return []
    with connection.cursor() as cursor:
        if faults := start_checks.list_database_faults(cursor):
            return [Error(fault, id="peps.E020") for fault in faults]
        if start_checks.sorts_french(cursor):
            return []
    return [
        Warning(
            "The database sorts letters with accents after all others: « École » after « Lycée ».",
            hint="manage.py create_database_roles makes a new database with French sorting.",
            id="peps.W021",
        )
    ]


@register(Tags.database, deploy=True)
def check_moments(app_configs: Any, databases: Any = None, **_kwargs: Any) -> list[Error]:  # noqa: ARG001 - Django's
    """Return an error where journals and books may be written as of any moment: see `tenants.template_database`."""
    if not databases:
        return []
    with connection.cursor() as cursor:
        # Of the catalogue: before the migrations there is no such function.
        cursor.execute(
            "SELECT FROM pg_proc WHERE oid = to_regprocedure('public.accounts_accepts_any_moment()')"
            " AND prosrc <> 'SELECT false'"
        )
        if not cursor.rowcount:
            return []
    return [
        Error(
            "The database takes journals and books of any date, as those of tests and demonstrations do.",
            hint="Real data belong in a database that migrate_schemas alone has made.",
            id="peps.E022",
        )
    ]


@register()
def check_checkpoints(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's
    """Return an error where the signing of checkpoints is half set, and on a server a warning where it is off.

    Not of `--deploy` alone: a worker says it whenever it starts.
    """
    try:
        checkpoints.read_signing_keys()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="peps.E023")]
    has_key = bool(settings.JOURNAL_SIGNING_KEYS)
    if has_key != bool(settings.JOURNAL_CHECKPOINT_FOLDER or settings.JOURNAL_CHECKPOINT_ADDRESS):
        return [
            Error(
                "JOURNAL_SIGNING_KEYS goes with JOURNAL_CHECKPOINT_FOLDER or JOURNAL_CHECKPOINT_ADDRESS.",
                hint="Set the keys and one of the places, or neither (docs/deploy.md).",
                id="peps.E023",
            )
        ]
    if has_key or not settings.PRODUCTION:
        return []
    return [
        Warning(
            "Sealed journals have no signed checkpoints: who owns the database can rewrite them unseen.",
            hint="Set JOURNAL_SIGNING_KEYS, and a folder or an address: docs/deploy.md, « Journals ».",
            id="peps.W024",
        )
    ]
