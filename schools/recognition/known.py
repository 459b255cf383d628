"""The directory's schools as the recognition compares them, and the few statements that fetch them.

Each function is one statement, whatever the number of rows; nothing is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from schools.folding import fold, slips
from schools.models import SchoolState
from schools.recognition import vocabulary as said
from schools.recognition.naming import Reading, read_folded, telling
from schools.recognition.places import PARTED_BY_DISTRICTS, place_of

if TYPE_CHECKING:
    from collections.abc import Collection

_COLUMNS = (
    "uai, name, name_folded, type, nature, sector, address, commune, commune_key, postal_code, departement_code,"
    " has_nursery, has_elementary, state"
)
_BY_UAI = f"SELECT {_COLUMNS} FROM public.schools_school WHERE uai = ANY(%s)"  # noqa: S608 - our own column names
_NEAR = f"""
SELECT {_COLUMNS} FROM public.schools_school
WHERE postal_code = ANY(%(postal_codes)s) OR commune_key = ANY(%(communes)s)
    OR departement_code = ANY(%(departements)s) OR uai = ANY(%(uais)s)
"""  # noqa: S608
# One text as parameter: an array of sixty thousand would be quoted piece by piece.
_GLANCE = """
SELECT uai, name, commune, postal_code, name_folded, commune_key, state = %(closed)s,
    coalesce(has_elementary, lower(public.fold(type)) IN ('', 'ecole')), email
FROM public.schools_school
WHERE uai = ANY(string_to_array(%(uais)s, ' '))
"""

_COMMUNES = """
SELECT DISTINCT commune_key FROM public.schools_school WHERE departement_code = ANY(%s) AND commune_key <> ''
"""

# The words of the directory that share a third of their trigrams with a word sought, the nearest first; and, as two
# letters that changed places leave too few trigrams of a short word, those that become a word when they change back.
_NEAREST = """
SELECT sought.word, nearest.word, nearest.schools
FROM unnest(%(words)s::text[]) AS sought(word), LATERAL (
    SELECT known.word, known.schools FROM public.schools_directoryword AS known
    WHERE known.word OPERATOR(public.%%) sought.word
    ORDER BY known.word OPERATOR(public.<->) sought.word LIMIT 20
) AS nearest
UNION
SELECT swapped.word, known.word, known.schools
FROM unnest(%(of)s::text[], %(swapped)s::text[]) AS swapped(word, other)
JOIN public.schools_directoryword AS known ON known.word = swapped.other
"""
# A shorter word is another word with one letter changed; a longer one bears two.
_SHORTEST, _LONG = 4, 8


class Glance(NamedTuple):
    """As little of a school as confirms a row that is as it should be, and tells whether it may be given to."""

    uai: str
    name: str
    commune: str
    postal_code: str
    name_folded: str
    commune_key: str
    closed: bool
    #: Whether it has classes from CP to CM2.
    elementary: bool
    mailbox: str

    @property
    def label(self) -> str:
        """How people know it."""
        return label(self.name, self.commune)


class Known:
    """A school of the directory, and what its name says."""

    __slots__ = (
        "_address",
        "bears",
        "beside",
        "closed",
        "commune",
        "commune_key",
        "departement",
        "faint",
        "levels",
        "marks",
        "name",
        "postal_code",
        "reading",
        "sector",
        "strong",
        "uai",
    )  # fmt: skip

    def __init__(
        self, row: tuple[str, str, str, str, str, str, str, str, str, str, str, bool | None, bool | None, str]
    ) -> None:
        self.uai, self.name, folded, kind, nature, sector, self._address, self.commune, self.commune_key = row[:9]
        self.postal_code, self.departement, nursery, elementary, state = row[9:]
        self.closed = state == SchoolState.CLOSED
        if not self.postal_code and self.commune_key in PARTED_BY_DISTRICTS:
            self.postal_code = place_of(self.commune, "", "").postal_code
        reading = read_folded(folded)
        self.reading = reading
        self.levels = _levels(reading, kind=kind, nature=nature, nursery=nursery, elementary=elementary)
        self.beside = bool(reading.beside) or not self.levels
        self.sector = {"Public": "public", "Privé": "private"}.get(sector, reading.sector)
        self.marks = reading.marks
        #: Every word that its name or its commune's has.
        self.bears = frozenset(reading.words) | frozenset(self.commune_key.split())
        self.strong, self.faint = telling(reading.words, self.commune_key)

    @property
    def street(self) -> str:
        """The number and the street, folded."""
        return fold(self._address)

    @property
    def label(self) -> str:
        """How people know it."""
        return label(self.name, self.commune)


def label(name: str, commune: str) -> str:
    """Return how people know a school: « École Jean Jaurès – Nîmes »."""
    return f"{name} – {commune}" if commune else name


def _levels(
    reading: Reading,
    *,
    kind: str,
    nature: str,
    nursery: bool | None,
    elementary: bool | None,
) -> tuple[int, ...]:
    """Return the levels that a school may be said to have: by its name, and by what else the directory says."""
    found: list[int] = []
    if reading.levels:
        found.append(reading.levels)
    if nursery or elementary:
        found.append(said.NURSERY * bool(nursery) | said.ELEMENTARY * bool(elementary))
    elif nature == "ECOLE MATERNELLE":
        found.append(said.NURSERY)
    elif kind == "Ecole" and not found:
        found.append(said.PRIMARY)
    elif kind in ("Collège", "Lycée"):
        found.append(said.COLLEGE if kind == "Collège" else said.LYCEE)
        if reading.either and not reading.levels:
            # « École canadienne », a lycée: its primary school bears the same name.
            found.append(said.PRIMARY)
    elif reading.either and not found and not reading.beside:
        found.append(said.PRIMARY)
    return tuple(dict.fromkeys(found))


def glances(uais: Collection[str]) -> dict[str, Glance]:
    """Return the schools of these UAI, as little as is needed of each."""
    with connection.cursor() as cursor:
        cursor.execute(_GLANCE, {"uais": " ".join(uais), "closed": SchoolState.CLOSED})
        return {row[0]: Glance._make(row) for row in cursor.fetchall()}


def near(
    *,
    postal_codes: Collection[str] = (),
    communes: Collection[str] = (),
    departements: Collection[str] = (),
    uais: Collection[str] = (),
) -> list[Known]:
    """Return the schools of these places, and those of these UAI."""
    places = {"postal_codes": postal_codes, "communes": communes, "departements": departements, "uais": uais}
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, {name: list(values) for name, values in places.items()})
        return [Known(row) for row in cursor.fetchall()]


def nearest_words(words: Collection[str]) -> dict[str, dict[str, int]]:
    """Return for each word those of the directory that a slip or two part from it, and by how many slips.

    Those of fewest slips first, among them those that most schools have.
    """
    sought = [word for word in words if len(word) >= _SHORTEST and word.isalpha()]
    if not sought:
        return {}
    with connection.cursor() as cursor:
        swapped = [
            (word, word[:i] + word[i + 1] + word[i] + word[i + 2 :]) for word in sought for i in range(len(word) - 1)
        ]
        cursor.execute(
            _NEAREST, {"words": sought, "of": [word for word, _ in swapped], "swapped": [other for _, other in swapped]}
        )
        rows: list[tuple[str, str, int]] = cursor.fetchall()
    rows.sort(key=lambda row: -row[2])
    found: dict[str, list[tuple[int, str]]] = {}
    for word, other, _ in rows:
        if abs(len(word) - len(other)) > 2 or word == other:  # noqa: PLR2004 - no more than two slips, below
            continue
        distance = slips(word, other)
        if distance <= (2 if len(word) >= _LONG else 1):
            found.setdefault(word, []).append((distance, other))
    return {
        word: {other: distance for distance, other in sorted(others, key=lambda pair: pair[0])}
        for word, others in found.items()
    }


def _swapped(word: str) -> list[str]:
    return [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]


def communes(departements: Collection[str]) -> list[str]:
    """Return the keys of the communes of these départements that have a school."""
    with connection.cursor() as cursor:
        cursor.execute(_COMMUNES, [list(departements)])
        return [key for (key,) in cursor.fetchall()]
