"""What the tables of offices refer to in the public schema, read from the models."""

# ruff: noqa: SLF001 - `_meta` is documented

from typing import NamedTuple

from django.apps import apps
from django.conf import settings
from django.db import models

from tests.tenant_guard import TENANT_MODELS


class PublicReference(NamedTuple):
    """A column of an office's table, and the public row that it names."""

    table: str
    column: str
    public_table: str
    public_key: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def list_references():
    """Return each foreign key from an office's table to a public one."""
    labels = {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}
    found = []
    for model in TENANT_MODELS:
        for field in model._meta.local_fields:
            if isinstance(field, models.ForeignKey) and field.related_model._meta.app_label not in labels:
                public = field.related_model._meta
                found.append(PublicReference(model._meta.db_table, field.column, public.db_table, public.pk.column))
    return sorted(found)


def list_referenced():
    """Return the public tables that offices refer to, and the column of their primary key."""
    return sorted({(one.public_table, one.public_key) for one in list_references()})
