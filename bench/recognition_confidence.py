"""Precision of the recognition by name, by decile of its confidence, on lists as offices draw them up."""

import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench import synthetic_directory
from bench.misnamed_rows import SampledSchool, misnamed, misspelt_communes
from bench.recognition import NOWHERE
from bench.registry import measure
from bench.scratch_database import SHARED
from schools.directory.operations import synchronise
from schools.folding import fold
from schools.models import School
from schools.recognition import SchoolReference
from schools.recognition.name_parser import parse_name
from schools.recognition.pipeline import recognise
from schools.recognition.places import build_commune_key, get_uai_departement

#: Rows of a list at most; share of the directory's schools that are deleted before.
ROWS, ABSENT_SHARE = 2_000, 0.01
#: A match of this confidence is sure; of those at most this share is wrong.
SURE, WRONG = 0.95, 1 / 2_000
#: Minimum share of the rows with the whole name and the commune that are found.
FOUND = 0.95
_KINDS = {"collèges": ("Collège",), "lycées": ("Lycée",), "écoles": ("Ecole", "École")}
_KIND_WORDS = re.compile(
    r"\b([ée]cole|primaire|[ée]l[ée]mentaire|maternelle|publique|priv[ée]e?|coll[èe]ge|lyc[ée]e|professionnel|polyvalent)\b",
    re.IGNORECASE,
)
_TWIN = re.compile(r"\s+([A-D1-4]|I{1,3})$")


@dataclass(frozen=True)
class ListPrecision:
    """Matches and wrong ones of a list, by the first decimal of their confidence, and of the sure ones."""

    name: str
    rows: int = 0
    found: int = 0
    sure: int = 0
    sure_wrong: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """Return a line."""
        deciles = "  ".join(f"{each}={self.wrong[each]}/{self.matched[each]}" for each in sorted(self.matched))
        found = self.found / (self.rows or 1)
        return f"  {self.name:40}  found={found:.1%}  sure={self.sure_wrong}/{self.sure}  {deciles}"


@dataclass(frozen=True)
class ConfidenceMeasure:
    """The precision of each list."""

    directory: str
    lists: tuple[ListPrecision, ...]

    def figures(self) -> dict[str, Any]:
        """Return everything, for a program."""
        return {"name": "recognition_confidence", **asdict(self)}

    def line(self) -> str:
        """Return a line for each list: wrong matches of all by decile."""
        sure, wrong = sum(each.sure for each in self.lists), sum(each.sure_wrong for each in self.lists)
        head = f"name=recognition_confidence  directory={self.directory}  sure={sure}  wrong={wrong}"
        return "\n".join([head, *(each.line() for each in self.lists)])

    def failures(self) -> list[str]:
        """Return the lists with too many wrong matches among the sure ones, and those of which too few are found."""
        if self.directory != "real":
            # Synthetic names are unrealistic.
            return []
        return [
            f"{each.name}: {each.sure_wrong} wrong of {each.sure} sure matches"
            for each in self.lists
            if each.sure_wrong > max(1, WRONG * each.sure)
        ] + [
            f"{each.name}: {each.found} of {each.rows} found"
            for each in self.lists
            if each.name.endswith("name, commune") and each.found < FOUND * each.rows
        ]


@measure("recognition_confidence")
def recognition_confidence() -> ConfidenceMeasure:
    """Of matches by name at 0.95 at most 1 in 2,000 is wrong on any list; 95 % found by name and commune."""
    real = SHARED / "directory" / "composite_national.csv.gz" if SHARED else None
    with tempfile.TemporaryDirectory() as folder:
        if real is None or not real.is_file():
            real, path = None, synthetic_directory.write(Path(folder) / "annuaire.csv.gz")
        synchronise(path=real or path, by=None, at=timezone.now())
    lists = dict(_draw_up(random.Random(5)))  # noqa: S311 - a draw, not a secret
    uais = list(School.objects.order_by("uai").values_list("uai", flat=True))
    absent = frozenset(random.Random(9).sample(uais, int(len(uais) * ABSENT_SHARE)))  # noqa: S311
    names = {uai: (name, commune) for uai, name, commune in School.objects.values_list("uai", "name", "commune")}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM schools_school WHERE uai = ANY(%s)", [list(absent)])
        scores = tuple(_score(name, rows, absent, names) for name, rows in lists.items())
        transaction.set_rollback(True)
    return ConfidenceMeasure("real" if real else "invented", scores)


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
        yield (
            f"{kind}: another département",
            _rows(
                (
                    s.uai,
                    {"name": s.name, "commune": s.commune, "departement": get_uai_departement(rng.choice(known).uai)},
                )
                for s in draw()
            ),
        )


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
    names: Mapping[str, tuple[str, str]],
) -> ListPrecision:
    results = recognise([row for row, _ in rows], NOWHERE)
    matched: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    found = sure = sure_wrong = 0
    for row, uai in rows:
        result = results[row.key]
        if not result.uai or (result.uai != uai and _is_namesake(row, *names[result.uai])):
            continue
        is_wrong = result.uai != uai
        found += not is_wrong
        decile = f"{int(result.confidence * 10) / 10:.1f}"
        matched[decile] += 1
        wrong[decile] += is_wrong
        sure += result.confidence >= SURE
        sure_wrong += is_wrong and result.confidence >= SURE
    present = sum(uai not in absent for _, uai in rows)
    return ListPrecision(name, present, found, sure, sure_wrong, matched, wrong)


def _is_namesake(row: SchoolReference, name: str, commune: str) -> bool:
    """Return whether a school has the row's very name and commune: nobody could tell it from the one that is meant."""
    same_commune = not row.commune or build_commune_key(row.commune) == build_commune_key(commune)
    one, other = parse_name(row.name, row.kind), parse_name(name)
    return same_commune and one._replace(sector="") == other._replace(sector="")
