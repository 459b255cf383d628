"""Create a collectivity: its row, its domain and its schema, in the caller's transaction.

The schema is created by replaying a snapshot's statements (see `tenants.schema_snapshot`), which takes 0.05 s whatever
the number of collectivities, by a function that runs as the tables' owner (`tenants.privilege_sql`). The database
enforces uniqueness; the checks before report every problem at once.
"""

from __future__ import annotations

import datetime
import itertools
from typing import NamedTuple

from django.db import IntegrityError, connection, transaction
from django_tenants.utils import schema_context

from core.cells import get_cells
from tenants import cluster, identifiers
from tenants.models import Collectivity, CollectivityKind, Domain, SchemaSnapshot

NAME_LENGTH = 200


class OpeningRefused(Exception):
    """The office cannot be opened; nothing was changed.

    `problems` maps field to French sentence; the empty key holds what concerns no field.
    """

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


class OfficePlan(NamedTuple):
    """The validated values of an office to open."""

    name: str
    kind: str
    siren: str
    slug: str
    key_prefix: str


def plan(*, name: str, kind: str, siren: str, slug: str = "", key_prefix: str = "") -> OfficePlan:
    """Validate the values of a new office; an empty slug or key prefix is derived from the name.

    Raises `OpeningRefused` with every problem at once. Writes nothing.
    """
    name, mark = " ".join(name.split()), get_cells().mark
    siren = identifiers.clean_siren(siren)
    slug = slug.strip().lower() or _find_free("slug", identifiers.derive_slug(name), identifiers.SLUG_LENGTH, "-")
    prefix = key_prefix.strip().upper() or _find_free(
        "key_prefix", identifiers.derive_key_prefix(slug, mark), identifiers.PREFIX_LENGTH
    )
    planned = OfficePlan(name=name, kind=kind, siren=siren, slug=slug, key_prefix=prefix)
    problems = {
        "name": _problem_of_name(name),
        "kind": None
        if kind in CollectivityKind.values
        else f"La nature « {kind} » n'existe pas : {', '.join(CollectivityKind.values)}.",
        "siren": identifiers.check_siren(siren),
        "slug": identifiers.check_slug(slug),
        "key_prefix": identifiers.check_key_prefix(prefix, mark),
    }
    problems_found = {field: problem for field, problem in problems.items() if problem is not None}
    for field in ("siren", "slug", "key_prefix"):
        if field not in problems_found and Collectivity.objects.filter(**{field: getattr(planned, field)}).exists():
            problems_found[field] = _taken_sentence(field, planned)
    if problems_found:
        raise OpeningRefused(problems_found)
    return planned


def provision(planned: OfficePlan, snapshot: SchemaSnapshot, *, at: datetime.datetime) -> Collectivity:
    """Create the collectivity's row, domain and schema in the current transaction, and return it.

    It locks no table of the public schema, and waits for nobody but a concurrent opening of the same office: then it
    raises `OpeningRefused`.
    """
    with schema_context("public"):
        schema = "c_" + planned.slug.replace("-", "_")
        try:
            with transaction.atomic():
                # Not `create`: django-tenants queries first and raises its own error instead of the database's.
                collectivity = Collectivity(schema_name=schema, created_at=at, **planned._asdict())
                Collectivity.objects.bulk_create([collectivity])
                Domain.objects.create(domain=collectivity.office_host, tenant=collectivity)
        except IntegrityError as error:
            raise _translate_error(error, planned) from error
        with connection.cursor() as cursor:
            # Several migrations run in one transaction: deferred checks must run before a table is altered again.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SELECT public.tenants_create_schema(%s, %s)", [schema, snapshot.fingerprint])
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cluster.queue_placing(schema)
    return collectivity


def _find_free(field: str, base: str, length: int, joint: str = "") -> str:
    """Return `base`, or `base` with the first number from 2 to 9 that is free."""
    candidates = itertools.chain([base], (identifiers.add_number(base, n, length, joint) for n in range(2, 10)))
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


def _taken_sentence(field: str, planned: OfficePlan) -> str:
    return {
        "siren": f"Une collectivité de SIREN {planned.siren} a déjà un bureau.",
        "slug": f"L'adresse « {planned.slug} » est déjà prise par une autre collectivité.",
        "key_prefix": f"Le préfixe « {planned.key_prefix} » est déjà celui d'une autre collectivité.",
    }[field]


def _translate_error(error: IntegrityError, planned: OfficePlan) -> OpeningRefused:
    """Translate a constraint violation. Raises `error` itself for any other constraint."""
    constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
    for field in ("siren", "key_prefix"):
        if field in constraint and constraint.startswith("tenants_collectivity"):
            return OpeningRefused({field: _taken_sentence(field, planned)})
    if constraint.startswith(("tenants_collectivity", "tenants_domain")):
        # The slug, or the schema and the host that follow from it.
        return OpeningRefused({"slug": _taken_sentence("slug", planned)})
    raise error
