"""Candidate schools as the recognition compares them: the queries that fetch them, and their index.

Each function runs one query, whatever the number of rows, but for one in 10,000 schools. Read-only.
"""

import itertools
from collections.abc import Collection, Container, Iterable, Sequence
from typing import NamedTuple

from django.db import connection

from schools.folding import fold
from schools.models import SchoolState
from schools.recognition import SearchScope, vocabulary
from schools.recognition.name_parser import ParsedName, parse_folded_name, split_distinctive
from schools.recognition.places import ARRONDISSEMENT_CITIES, list_codes, parse_place, unify_departement

_COLUMNS = (
    "uai, name, name_folded, type, nature, sector, address, commune, commune_key, postal_code, departement_code,"
    " has_nursery, has_elementary, state"
)
_NEAR = f"""
SELECT {_COLUMNS} FROM public.schools_school
WHERE postal_code = ANY(%(postal_codes)s) OR commune_key = ANY(%(communes)s)
    OR departement_code = ANY(%(departements)s) OR uai = ANY(%(uais)s)
"""  # noqa: S608 - our own column names
# One string parameter: faster than adapting an array of 60,000 elements.
_SUMMARIES = """
SELECT uai, name, commune, postal_code, name_folded, commune_key, state = %(closed)s,
    coalesce(has_elementary, lower(public.fold(type)) IN ('', 'ecole')), email
FROM public.schools_school
WHERE uai = ANY(string_to_array(%(uais)s, ' '))
"""

#: The driver holds the whole answer beside the objects made of it: 43 MB for 100,000 schools.
_SUMMARIES_AT_ONCE = 10_000

_COMMUNES = """
SELECT DISTINCT departement_code, commune_key FROM public.schools_school
WHERE departement_code = ANY(%s) AND commune_key <> ''
"""


class SchoolSummary(NamedTuple):
    """The columns of a school that the fast path compares, and those that the caller needs for allocations."""

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
        """Display name: « École Jean Jaurès – Nîmes »."""
        return format_label(self.name, self.commune)


class CandidateSchool:
    """A candidate school with its parsed name."""

    __slots__ = (
        "_address",
        "attached",
        "bears",
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
        "tracks",
        "uai",
    )  # fmt: skip

    def __init__(
        self, row: tuple[str, str, str, str, str, str, str, str, str, str, str, bool | None, bool | None, str]
    ) -> None:
        self.uai, self.name, folded, kind, nature, sector, self._address, self.commune, self.commune_key = row[:9]
        self.postal_code, departement, nursery, elementary, state = row[9:]
        self.departement = unify_departement(departement)
        self.closed = state == SchoolState.CLOSED
        if not self.postal_code and self.commune_key in ARRONDISSEMENT_CITIES:
            self.postal_code = parse_place(self.commune, "", "").postal_code
        reading = parse_folded_name(folded)
        self.reading = reading
        self.levels = _levels(reading, kind=kind, nature=nature, nursery=nursery, elementary=elementary)
        self.attached = bool(reading.attached) or not self.levels
        self.sector = {"Public": "public", "Privé": "private"}.get(sector, reading.sector)
        self.marks = reading.marks
        #: Tracks of a lycée: by its name, else by the directory's nature; empty where neither tells.
        self.tracks = reading.tracks or (
            parse_folded_name(fold(nature)).tracks if reading.levels & vocabulary.LYCEE else reading.tracks
        )
        #: The words of its name and of its commune.
        self.bears = frozenset(reading.words) | frozenset(self.commune_key.split())
        self.strong, self.faint = split_distinctive(reading.words, self.commune_key)

    @property
    def street(self) -> str:
        """Number and street, folded."""
        return fold(self._address)

    @property
    def label(self) -> str:
        """Display name: « École Jean Jaurès – Nîmes »."""
        return format_label(self.name, self.commune)


def format_label(name: str, commune: str) -> str:
    """Return a school's display name: « École Jean Jaurès – Nîmes »."""
    return f"{name} – {commune}" if commune else name


def _levels(
    reading: ParsedName,
    *,
    kind: str,
    nature: str,
    nursery: bool | None,
    elementary: bool | None,
) -> tuple[int, ...]:
    """Return the alternative levels of a school: by its name, and by the directory's other fields."""
    found: list[int] = []
    if reading.levels:
        found.append(reading.levels)
    if nursery or elementary:
        found.append(vocabulary.NURSERY * bool(nursery) | vocabulary.ELEMENTARY * bool(elementary))
    elif nature == "ECOLE MATERNELLE":
        found.append(vocabulary.NURSERY)
    elif kind == "Ecole" and not found:
        found.append(vocabulary.PRIMARY)
    elif kind in ("Collège", "Lycée"):
        found.append(vocabulary.COLLEGE if kind == "Collège" else vocabulary.LYCEE)
        if reading.is_unspecified_level and not reading.levels:
            # « École canadienne », a lycée: its primary school has the same name.
            found.append(vocabulary.PRIMARY)
    elif reading.is_unspecified_level and not found and not reading.attached:
        found.append(vocabulary.PRIMARY)
    return tuple(dict.fromkeys(found))


def fetch_summaries(uais: Collection[str]) -> dict[str, SchoolSummary]:
    """Return the schools of these UAI, with the columns of the fast path."""
    summaries: dict[str, SchoolSummary] = {}
    # Places are one text each, not one a school: 18 MB of 100,000 schools.
    share = dict[str, str]().setdefault
    with connection.cursor() as cursor:
        for batch in itertools.batched(uais, _SUMMARIES_AT_ONCE, strict=False):
            cursor.execute(_SUMMARIES, {"uais": " ".join(batch), "closed": SchoolState.CLOSED})
            summaries |= {
                uai: SchoolSummary(
                    uai, name, share(commune, commune), share(code, code), folded, share(key, key), *details
                )
                for uai, name, commune, code, folded, key, *details in cursor
            }
    return summaries


def fetch_candidates(
    *,
    postal_codes: Collection[str] = (),
    communes: Collection[str] = (),
    departements: Collection[str] = (),
    uais: Collection[str] = (),
    known: Container[str] = (),
) -> list[CandidateSchool]:
    """Return the schools in any of these places, or with any of these UAI; but for those with a `known` UAI."""
    codes = [code for each in departements for code in list_codes(each)]
    places = {"postal_codes": postal_codes, "communes": communes, "departements": codes, "uais": uais}
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, {name: list(values) for name, values in places.items()})
        return [CandidateSchool(row) for row in cursor.fetchall() if row[0] not in known]


def list_communes(departements: Collection[str]) -> list[tuple[str, str]]:
    """Return (département, key) of the communes with a school in these départements."""
    with connection.cursor() as cursor:
        cursor.execute(_COMMUNES, [[code for each in departements for code in list_codes(each)]])
        return [(unify_departement(departement), key) for departement, key in cursor.fetchall()]


# Blocks up to this size are compared in full.
_MAX_FULL_SCAN = 24
# Words of more schools than this are not used to select candidates, where a rarer one exists.
_MAX_WORD_SCHOOLS = 150


class CandidateBlock:
    """A block of candidate schools, indexed by the words of their names."""

    __slots__ = ("_by_word", "schools")

    def __init__(self, schools: Sequence[CandidateSchool]) -> None:
        self.schools = schools
        self._by_word: dict[str, list[CandidateSchool]] | None = None

    @property
    def by_word(self) -> dict[str, list[CandidateSchool]]:
        """Schools by word of their names; schools without a distinctive word also under the empty string."""
        if self._by_word is None:
            self._by_word = {}
            for school in self.schools:
                words = set(school.reading.words)
                if not school.strong:
                    # « École » in Fresnes is also found by « École de Fresnes ».
                    words |= {"", *school.commune_key.split()}
                for word in words:
                    self._by_word.setdefault(word, []).append(school)
        return self._by_word

    def likely(
        self, words: Iterable[str], spelling_corrections: dict[str, dict[str, int]]
    ) -> Iterable[CandidateSchool]:
        """Return the schools that share a word with a row; all of a small block; without words, those without any."""
        if len(self.schools) <= _MAX_FULL_SCAN:
            return self.schools
        terms = set(words)
        if not terms:
            return self.by_word.get("", ())
        for word in list(terms):
            terms |= spelling_corrections.get(word, {}).keys()
        lists = sorted((self.by_word[word] for word in terms if word in self.by_word), key=len)
        rare = [each for each in lists if len(each) <= _MAX_WORD_SCHOOLS] or lists[:1]
        return {school.uai: school for school in itertools.chain(*rare)}.values()

    def knows(self, word: str) -> bool:
        """Return whether a school of the block has the word."""
        if len(self.schools) <= _MAX_FULL_SCAN:
            return any(word in school.reading.words for school in self.schools)
        return word in self.by_word


class CandidateIndex:
    """The fetched candidate schools, in blocks by place and by search scope."""

    def __init__(self) -> None:
        self.by_uai: dict[str, CandidateSchool] = {}
        self._by_commune: dict[str, list[CandidateSchool]] = {}
        self._by_postal_code: dict[str, list[CandidateSchool]] = {}
        self._by_departement: dict[str, list[CandidateSchool]] = {}
        self._blocks: dict[object, CandidateBlock] = {}
        self._departements: dict[str, frozenset[str]] = {}

    def add(self, schools: Iterable[CandidateSchool]) -> None:
        """Add schools that are not in the index yet."""
        for school in schools:
            if school.uai in self.by_uai:
                continue
            self.by_uai[school.uai] = school
            self._by_commune.setdefault(school.commune_key, []).append(school)
            self._by_departement.setdefault(school.departement, []).append(school)
            if school.postal_code:
                self._by_postal_code.setdefault(school.postal_code, []).append(school)
        self._blocks.clear()
        self._departements.clear()

    def has_commune(self, key: str) -> bool:
        """Return whether a fetched school lies in the commune."""
        return key in self._by_commune

    def departements_of(self, commune: str) -> frozenset[str]:
        """Return the départements of the fetched schools of the commune."""
        if commune not in self._departements:
            self._departements[commune] = frozenset(s.departement for s in self._by_commune.get(commune, ()))
        return self._departements[commune]

    def of_place(self, communes: tuple[str, ...], postal_code: str) -> CandidateBlock:
        """Return the block of the communes and of the postal code."""
        key = (communes, postal_code)
        if key not in self._blocks:
            lists = [self._by_commune.get(commune, []) for commune in communes]
            if postal_code:
                lists.append(self._by_postal_code.get(postal_code, []))
            self._blocks[key] = CandidateBlock(list({s.uai: s for s in itertools.chain(*lists)}.values()))
        return self._blocks[key]

    def of_scope(self, scope: SearchScope, departement: str) -> CandidateBlock:
        """Return the block for a name without a place: the search scope, narrowed to the département if given."""
        key = (None, departement)
        if key not in self._blocks:
            if scope.uais:
                schools = [school for uai in scope.uais if (school := self.by_uai.get(uai)) is not None]
                schools = [school for school in schools if departement in ("", school.departement)]
            elif departement and scope.departements and departement not in scope.departements:
                schools = []
            else:
                departements = [departement] if departement else scope.departements
                schools = [school for each in departements for school in self._by_departement.get(each, ())]
            self._blocks[key] = CandidateBlock(schools)
        return self._blocks[key]
