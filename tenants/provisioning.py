"""Opening a collectivity: its row, its host, its schema, in the transaction of whoever opens it.

The schema is made by replaying recorded statements (see `tenants.recording`), so an opening takes the same twentieth
of a second at the first collectivity and at the thousandth. Uniqueness stands in the database; what is checked before
is there to answer with every problem at once.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from django.db import IntegrityError, connection, transaction
from django_tenants.utils import schema_context

from tenants import naming
from tenants.addresses import office_host
from tenants.exceptions import OpeningRefused
from tenants.models import Collectivity, Domain, Kind, SchemaRecording

if TYPE_CHECKING:
    import datetime

NAME_LENGTH = 200


class Plan(NamedTuple):
    """An office as it will be opened."""

    name: str
    kind: str
    siren: str
    slug: str
    key_prefix: str


def plan(*, name: str, kind: str, siren: str, slug: str = "", key_prefix: str = "") -> Plan:
    """Return the office as it would be opened; an address or a prefix that is left out follows from the name.

    Raises `OpeningRefused` with every problem at once. Changes nothing.
    """
    name = " ".join(name.split())
    siren = naming.clean_siren(siren)
    slug = slug.strip().lower() or _free("slug", naming.slug_from(name), naming.SLUG_LENGTH, "-")
    prefix = key_prefix.strip().upper() or _free("key_prefix", naming.prefix_from(slug), naming.PREFIX_LENGTH)
    planned = Plan(name=name, kind=kind, siren=siren, slug=slug, key_prefix=prefix)
    problems = {
        "name": _problem_of_name(name),
        "kind": None if kind in Kind.values else f"La nature « {kind} » n'existe pas : {', '.join(Kind.values)}.",
        "siren": naming.problem_of_siren(siren),
        "slug": naming.problem_of_slug(slug),
        "key_prefix": naming.problem_of_prefix(prefix),
    }
    found = {field: problem for field, problem in problems.items() if problem is not None}
    for field in ("siren", "slug", "key_prefix"):
        if field not in found and Collectivity.objects.filter(**{field: getattr(planned, field)}).exists():
            found[field] = _taken(field, planned)
    if found:
        raise OpeningRefused(found)
    return planned


def provision(planned: Plan, recording: SchemaRecording, *, at: datetime.datetime) -> Collectivity:
    """Make the collectivity's row, host and schema, in the current transaction, and return it.

    Raises `OpeningRefused` where somebody opened the same office in the meantime; Django's `OperationalError` where a
    lock was not to be had in time (see `tenants.waiting`).
    """
    with schema_context("public"):
        if recording.referenced:
            # Foreign keys into public tables take these locks: first of all, so that a wait keeps nobody else waiting.
            with connection.cursor() as cursor:
                tables = ", ".join(f"public.{table}" for table in recording.referenced)
                cursor.execute(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")
        schema = "c_" + planned.slug.replace("-", "_")
        try:
            with transaction.atomic():
                # Not `create`: django-tenants looks before it leaps, and says in English what the database says anyway.
                collectivity = Collectivity(schema_name=schema, created_at=at, **planned._asdict())
                Collectivity.objects.bulk_create([collectivity])
                Domain.objects.create(domain=office_host(planned.slug), tenant=collectivity)
        except IntegrityError as error:
            raise _refusal(error, planned) from error
    with schema_context(schema), connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        # Several migrations become one transaction: what they wrote must be checked before they alter it again.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(recording.statements)
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return collectivity


def _free(field: str, base: str, length: int, joint: str = "") -> str:
    """Return `base`, or `base` with the first number that makes it free."""
    candidates = itertools.chain([base], (naming.numbered(base, n, length, joint) for n in range(2, 10)))
    taken = set(
        Collectivity.objects.filter(**{f"{field}__startswith": base[: length - 2]}).values_list(field, flat=True)
    )
    return next((candidate for candidate in candidates if candidate not in taken), base)


def _problem_of_name(name: str) -> str | None:
    if not name:
        return "Indiquez le nom de la collectivité."
    if len(name) > NAME_LENGTH:
        return f"Le nom compte {len(name)} caractères ; {NAME_LENGTH} au plus."
    return None


def _taken(field: str, planned: Plan) -> str:
    return {
        "siren": f"Une collectivité de SIREN {planned.siren} a déjà un bureau.",
        "slug": f"L'adresse « {planned.slug} » est déjà prise par une autre collectivité.",
        "key_prefix": f"Le préfixe « {planned.key_prefix} » est déjà celui d'une autre collectivité.",
    }[field]


def _refusal(error: IntegrityError, planned: Plan) -> OpeningRefused:
    """Return the refusal that a violated constraint stands for. Raises the error itself where it says another thing."""
    constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
    for field in ("siren", "key_prefix"):
        if field in constraint and constraint.startswith("tenants_collectivity"):
            return OpeningRefused({field: _taken(field, planned)})
    if constraint.startswith(("tenants_collectivity", "tenants_domain")):
        # The slug, or the schema and the host that follow from it.
        return OpeningRefused({"slug": _taken("slug", planned)})
    raise error
