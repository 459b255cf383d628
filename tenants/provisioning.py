"""Create a collectivity: its row, its domain and its schema, in the caller's transaction.

The schema is created by replaying a snapshot's statements (see `tenants.schema_snapshot`), which takes 0.05 s whatever
the number of collectivities, by a function that runs as the tables' owner (`tenants.privileges`). The database
enforces uniqueness; the checks before report every problem at once.
"""

import datetime
import itertools
import re
import unicodedata
from typing import NamedTuple

from django.db import IntegrityError, connection, transaction
from django_tenants.utils import schema_context
from stdnum.fr import siren as siren_numbers

from core.cells import get_cells
from tenants import cluster
from tenants.models import Collectivity, CollectivityKind, Domain, SchemaSnapshot

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
SLUG_LENGTH = 40
PREFIX_LENGTH = 10
SIREN_LENGTH = 9

#: Host names that users or programs expect to be something else.
_RESERVED_WORDS = """
admin administration aide api app application assets autoconfig autodiscover blog boutique cdn compte contact dev docs
faq ftp help host imap login localhost mail media mx ns ns1 ns2 peps pop portail preprod public recette root smtp sso
staging static statut status support test webmail www
"""
RESERVED = frozenset(_RESERVED_WORDS.split())
#: Words before a collectivity's significant name that only tell its kind.
_GENERIC_WORDS = """
ville commune mairie departement conseil departemental regional region communaute communes agglomeration urbaine
metropole syndicat intercommunal mixte collectivite territoriale grand de du des d la le les l et
"""
_GENERIC = frozenset(_GENERIC_WORDS.split())


def _plain_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.findall(r"[a-z0-9]+", plain.lower())


def derive_slug(name: str) -> str:
    """Return the slug derived from a name: « Ville de Nîmes » gives `nimes`."""
    words = _plain_words(name)
    significant = list(words)
    while significant and significant[0] in _GENERIC:
        significant.pop(0)
    return "-".join(significant or words)[:SLUG_LENGTH].strip("-")


def derive_key_prefix(slug: str, mark: str = "") -> str:
    """Return the key prefix derived from a slug: its letters and digits, without 0 and 1, which look like letters.

    `mark`: the letters of the cell, which come first.
    """
    return (mark + re.sub(r"[^A-Z2-9]", "", slug.upper()))[:PREFIX_LENGTH]


def add_number(base: str, number: int, length: int, joint: str = "") -> str:
    """Return `base` followed by a number, at most `length` characters long: the proposal where `base` is taken."""
    ending = f"{joint}{number}"
    return base[: length - len(ending)].strip("-") + ending


def clean_siren(text: str) -> str:
    """Return a SIREN without the spaces, dots and dashes that people type."""
    return re.sub(r"[\s.\-\u202f\u00a0]+", "", text)


def check_siren(siren: str) -> str | None:
    """Return the French sentence for an invalid SIREN; None where it is valid."""
    if not re.fullmatch(r"[0-9]{9}", siren):
        return f"Un SIREN compte {SIREN_LENGTH} chiffres ; « {siren} » n'en est pas un."
    if siren == "0" * SIREN_LENGTH or not siren_numbers.is_valid(siren):
        return f"Le SIREN {siren} comporte une faute de frappe : sa clé de contrôle ne correspond pas."
    return None


def check_slug(slug: str) -> str | None:
    """Return the French sentence for an invalid slug; None where it is valid."""
    if len(slug) > SLUG_LENGTH or not SLUG.fullmatch(slug):
        return (
            f"L'adresse « {slug} » ne convient pas : {SLUG_LENGTH} lettres minuscules sans accent, chiffres ou tirets "
            "au plus, sans tiret au début ni à la fin."
        )
    if slug in RESERVED or slug.startswith("xn--"):
        return f"L'adresse « {slug} » est réservée : choisissez-en une autre."
    return None


def check_key_prefix(prefix: str, mark: str = "") -> str | None:
    """Return the French sentence for an invalid key prefix; None where it is valid.

    `mark`: the letters of the cell, with which it begins, and which are not all of it.

    Keys are read aloud and typed by hand: 0 and 1 would be confused with O and I.
    """
    if not re.fullmatch(r"[A-Z0-9]{2,10}", prefix):
        return f"Le préfixe « {prefix} » ne convient pas : de 2 à {PREFIX_LENGTH} lettres sans accent ou chiffres."
    if "0" in prefix or "1" in prefix:
        return f"Le préfixe « {prefix} » prête à confusion : 0 et 1 se lisent comme les lettres O et I."
    if not prefix.startswith(mark) or prefix == mark:
        return f"Le préfixe « {prefix} » doit commencer par « {mark} », qui distingue les clés de cette région."
    return None


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
    siren = clean_siren(siren)
    slug = slug.strip().lower() or _find_free("slug", derive_slug(name), SLUG_LENGTH, "-")
    prefix = key_prefix.strip().upper() or _find_free("key_prefix", derive_key_prefix(slug, mark), PREFIX_LENGTH)
    planned = OfficePlan(name=name, kind=kind, siren=siren, slug=slug, key_prefix=prefix)
    problems = {
        "name": _problem_of_name(name),
        "kind": None
        if kind in CollectivityKind.values
        else f"La nature « {kind} » n'existe pas : {', '.join(CollectivityKind.values)}.",
        "siren": check_siren(siren),
        "slug": check_slug(slug),
        "key_prefix": check_key_prefix(prefix, mark),
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
    candidates = itertools.chain([base], (add_number(base, n, length, joint) for n in range(2, 10)))
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
