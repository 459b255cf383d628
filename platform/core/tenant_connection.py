"""The database connection, typed as django-tenants' own: it knows the current schema and tenant."""

from __future__ import annotations

from typing import cast

from django.db import connection as default_connection
from django_tenants.postgresql_backend.base import DatabaseWrapper

#: Django's connection of the current thread, under the type of the backend that settings name.
connection = cast("DatabaseWrapper", default_connection)
