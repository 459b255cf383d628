"""Precision of the recognition by name, on lists as offices draw them up: one total, and its causes."""

import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from django.utils import timezone

from bench import synthetic_directory
from bench.misnamed_rows import SampledSchool, misnamed, misspelt_communes
from bench.recognition import NOWHERE, without_schools
from bench.registry import measure
from bench.scratch_database import SHARED
from schools.directory.operations import synchronise
from schools.folding import fold
from schools.models import School
from schools.recognition import SchoolReference
from schools.recognition.name_parser import parse_name
from schools.recognition.pipeline import recognise
from schools.recognition.places import build_commune_key, get_uai_departement

#: Rows of a list at most; share of the directory's schools that are deleted before; draws of all lists.
ROWS, ABSENT_SHARE, SEEDS = 2_000, 0.01, (5, 17)
#: Maximum share of the rows of all lists that are given another's school.
WRONG = 1 / 20_000
#: Minimum share of the rows with the whole name and the commune that are found: of collèges and écoles, and of lycées,
#: of which many are « école secondaire » or « école technique » beside a namesake.
FOUND, FOUND_LYCEES = 0.95, 0.85
_KINDS = {"collèges": ("Collège",), "lycées": ("Lycée",), "écoles": ("Ecole", "École")}
_KIND_WORDS = re.compile(
    r"\b([ée]cole|primaire|[ée]l[ée]mentaire|maternelle|publique|priv[ée]e?|coll[èe]ge|lyc[ée]e|professionnel|polyvalent)\b",
    re.IGNORECASE,
)
_TWIN = re.compile(r"\s+([A-D1-4]|I{1,3})$")


@dataclass(frozen=True)
class ListPrecision:
    """The rows of a list, those whose school is found, and those that are given another."""

    name: str
    rows: int
    found: int
    #: Wrong matches by cause.
    wrong: Counter[str]
    #: Rows of deleted schools that are given the one school of their very name and commune: the row tells no more.
    indistinguishable: int

    def line(self) -> str:
        """Return a line."""
        return f"  {self.name:45}  found={self.found / (self.rows or 1):.1%}  wrong={self.wrong.total()}/{self.rows}"


@dataclass(frozen=True)
class ConfidenceMeasure:
    """The precision of each list, and of all."""

    directory: str
    lists: tuple[ListPrecision, ...]

    @property
    def rows(self) -> int:
        """The rows of all lists."""
        return sum(each.rows for each in self.lists)

    @property
    def wrong(self) -> Counter[str]:
        """The wrong matches of all lists, by cause."""
        return sum((each.wrong for each in self.lists), Counter())

    def figures(self) -> dict[str, Any]:
        """Return everything, for a program."""
        return {"name": "recognition_confidence", "wrong": dict(self.wrong), **asdict(self)}

    def line(self) -> str:
        """Return the total, a line for each cause of a wrong match, and one for each list."""
        total = f"rows={self.rows}  found={sum(each.found for each in self.lists)}  wrong={self.wrong.total()}"
        head = f"name=recognition_confidence  directory={self.directory}  {total}  indistinguishable="
        head += str(sum(each.indistinguishable for each in self.lists))
        causes = [f"  wrong: {cause}: {count}" for cause, count in self.wrong.most_common()]
        return "\n".join([head, *causes, *(each.line() for each in self.lists)])

    def failures(self) -> list[str]:
        """Return whether too many rows of all lists are wrong, and the lists of which too few are found."""
        if self.directory != "real":
            # Synthetic names are unrealistic.
            return []
        wrong = self.wrong.total()
        return [f"{wrong} wrong of {self.rows} rows"] * (wrong > WRONG * self.rows) + [
            f"{each.name}: {each.found} of {each.rows} found"
            for each in self.lists
            if each.name.endswith("name, commune")
            and "bare" not in each.name
            and each.found < (FOUND_LYCEES if "lycées" in each.name else FOUND) * each.rows
        ]


@measure("recognition_confidence")
def recognition_confidence() -> ConfidenceMeasure:
    """Of the rows of all lists at most 1 in 20,000 is given another's school; 95 % found by name and commune."""
    real = SHARED / "directory" / "composite_national.csv.gz" if SHARED else None
    with tempfile.TemporaryDirectory() as folder:
        if real is None or not real.is_file():
            real, path = None, synthetic_directory.write(Path(folder) / "annuaire.csv.gz")
        synchronise(path=real or path, by=None, at=timezone.now())
    lists = [
        (f"{seed} {name}", rows)
        for seed in SEEDS
        for name, rows in _draw_up(random.Random(seed))  # noqa: S311 - a draw, not a secret
    ]
    uais = list(School.objects.order_by("uai").values_list("uai", flat=True))
    absent = frozenset(random.Random(9).sample(uais, int(len(uais) * ABSENT_SHARE)))  # noqa: S311
    known = {
        uai: KnownSchool(*values)
        for uai, *values in School.objects.values_list("uai", "name", "commune", "type", "state")
    }
    with without_schools(absent):
        scores = tuple(_score(name, rows, absent, known) for name, rows in lists)
    return ConfidenceMeasure("real" if real else "invented", scores)


class KnownSchool(NamedTuple):
    """What the directory says of a school."""

    name: str
    commune: str
    type: str
    state: str


def _draw_up(rng: random.Random) -> Iterator[tuple[str, list[tuple[SchoolReference, str]]]]:
    """Yield the lists: a name, and each row with the UAI that it means."""
    for kind, types in _KINDS.items():
        known = [
            SampledSchool(*values)
            for values in School.objects.filter(type__in=types)
            .exclude(name="")
            .exclude(commune="")
            .order_by("uai")
            .values_list("uai", "name", "commune", "postal_code")
            if not parse_name(values[1]).attached
        ]

        def draw(known: Sequence[SampledSchool] = known) -> list[SampledSchool]:
            return rng.sample(known, min(ROWS, len(known)))

        yield f"{kind}: name, commune", _rows((s.uai, {"name": s.name, "commune": s.commune}) for s in draw())
        schools = draw()
        misspelt = zip(misspelt_communes(schools), schools, strict=True)
        yield f"{kind}: misspelt communes", [(row, each.uai) for row, each in misspelt]
        yield f"{kind}: as people write them", misnamed(draw())
        bare = [(s, _strip_kind(s.name)) for s in draw()]
        yield f"{kind}: bare name", _rows((s.uai, {"name": name, "commune": s.commune}) for s, name in bare)
        yield (
            f"{kind}: bare name, postal code",
            _rows((s.uai, {"name": name, "postal_code": s.postal_code}) for s, name in bare),
        )
        yield (
            f"{kind}: bare name, type",
            _rows((s.uai, {"name": name, "commune": s.commune, "kind": _type(rng, kind, s.name)}) for s, name in bare),
        )
        yield (
            f"{kind}: without the number of a twin",
            _rows((s.uai, {"name": _TWIN.sub("", s.name), "commune": s.commune}) for s in draw()),
        )
        departements = sorted({get_uai_departement(each.uai) for each in known})
        own = _list_departements()
        yield (
            f"{kind}: another département",
            _rows(
                # One without a commune of the name: else the row is a school's of that one.
                (s.uai, {"name": s.name, "commune": s.commune, "departement": other})
                for s in draw()
                if (other := rng.choice(departements)) not in own[build_commune_key(s.commune)]
            ),
        )


def _list_departements() -> dict[str, set[str]]:
    """Return by commune key the départements that have a commune of the name."""
    found: dict[str, set[str]] = {}
    for uai, commune in School.objects.values_list("uai", "commune"):
        found.setdefault(build_commune_key(commune), set()).add(get_uai_departement(uai))
    return found


def _rows(listed: Iterable[tuple[str, dict[str, str]]]) -> list[tuple[SchoolReference, str]]:
    return [(SchoolReference(key, **cells), uai) for key, (uai, cells) in enumerate(listed)]


def _strip_kind(name: str) -> str:
    """Return the name without the words of its kind, unless nothing distinctive is left."""
    bare = " ".join(_KIND_WORDS.sub(" ", name).split())
    return bare if parse_name(bare).words else name


def _type(rng: random.Random, kind: str, name: str) -> str:
    """Return what a column of types says of the school."""
    if kind == "collèges":
        return rng.choice(["Collège", "Générale et SEGPA", "clg"])
    folded = fold(name)
    if kind == "lycées":
        return "LP" if "professionnel" in folded else "Lycée"
    if "maternelle" in folded:
        return rng.choice(["Maternelle", "E.M.PU"])
    if "elementaire" in folded:
        return rng.choice(["Elémentaire", "ÉCOLE ÉLÉMENTAIRE OU PRIMAIRE"])
    return rng.choice(["G. S.", "École"])


def _score(
    name: str,
    rows: Sequence[tuple[SchoolReference, str]],
    absent: frozenset[str],
    known: Mapping[str, KnownSchool],
) -> ListPrecision:
    results = recognise([row for row, _ in rows], NOWHERE)
    wrong: Counter[str] = Counter()
    found = indistinguishable = 0
    for row, uai in rows:
        given = results[row.key].uai
        if given == uai:
            found += 1
        elif given and uai in absent and _has_same_name(row, known[given]):
            indistinguishable += 1
        elif given:
            wrong[_find_cause(known[uai], known[given], deleted=uai in absent)] += 1
    return ListPrecision(name, len(rows), found, wrong, indistinguishable)


def _find_cause(meant: KnownSchool, given: KnownSchool, *, deleted: bool) -> str:
    """Return how the school that was given differs from the one that the row means."""
    one, other = parse_name(meant.name), parse_name(given.name)
    if build_commune_key(meant.commune) != build_commune_key(given.commune):
        cause = "another commune"
    elif meant.type != given.type or one.levels != other.levels:
        cause = "another level"
    elif one.attached != other.attached:
        cause = "a section and its school"
    elif one.words == other.words:
        cause = "two schools of one name"
    else:
        cause = "another name"
    return f"{cause}, its own deleted" if deleted else cause


def _has_same_name(row: SchoolReference, school: KnownSchool) -> bool:
    """Return whether a school has the row's very name and commune, of which a deleted one tells nothing more."""
    same_commune = not row.commune or build_commune_key(row.commune) == build_commune_key(school.commune)
    one, other = parse_name(row.name, row.kind), parse_name(school.name)
    same_name = (one.levels, one.tracks, one.words, one.marks) == (other.levels, other.tracks, other.words, other.marks)
    return same_commune and same_name
