"""What the application's role must not be: a server does not start as one that could rewrite its own journals."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

#: What is wrong with the role, by kind, and which thing for an example.
_ROLE_FAULTS = """
SELECT 'superuser', '' FROM pg_roles WHERE rolname = %(role)s AND rolsuper
UNION ALL SELECT 'powers', '' FROM pg_roles
    WHERE rolname = %(role)s AND NOT rolsuper AND (rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
UNION ALL SELECT 'member', granted.rolname FROM pg_auth_members AS membership
    JOIN pg_roles AS granted ON granted.oid = roleid JOIN pg_roles AS member ON member.oid = membership.member
    WHERE member.rolname = %(role)s
UNION ALL (SELECT 'owner', format('%%s.%%s', nspname, relname) FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace JOIN pg_roles ON pg_roles.oid = relowner
    WHERE rolname = %(role)s AND relpersistence = 'p' LIMIT 1)
UNION ALL (SELECT 'creator', nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND has_schema_privilege(%(role)s, oid, 'CREATE') LIMIT 1)
UNION ALL (SELECT 'truncate', relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege(%(role)s, oid, 'TRUNCATE')
    LIMIT 1)
"""
_SENTENCES = {
    "superuser": "is a superuser",
    "powers": "may create roles or databases, replicate or pass over row security",
    "member": "is a member of {}",
    "owner": "owns {}",
    "creator": "may create objects in the schema {}",
    "truncate": "may truncate {}",
}


def list_role_faults(role: str) -> list[tuple[str, str]]:
    """Return what a role is and the application's must not be: a kind of `_SENTENCES`, and which thing. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLE_FAULTS, {"role": role})
        faults: list[tuple[str, str]] = cursor.fetchall()
        return faults


def describe_role_faults() -> list[str]:
    """Return one sentence for each fault of the role of DATABASE_URL."""
    role = settings.DATABASES["default"]["USER"]
    return [
        f"The role {role} of DATABASE_URL {_SENTENCES[kind].format(what)}." for kind, what in list_role_faults(role)
    ]


def refuse_privileged_role() -> None:
    """Raise `ImproperlyConfigured` on a server whose role may do more than the application needs.

    A database that does not answer is no reason: the process starts, and says so to whoever asks.
    """
    if not settings.PRODUCTION:
        return
    try:
        faults = describe_role_faults()
    except OperationalError:
        return
    finally:
        # Not to be shared with the processes that a server forks.
        connection.close()
    if faults:
        sentences = "\n".join(f"- {fault}" for fault in faults)
        raise ImproperlyConfigured(
            f"PRODUCTION is True, but (see docs/deploy.md, manage.py create_database_roles):\n{sentences}"
        )
