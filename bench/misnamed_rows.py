"""Rows with realistic school names: abbreviated, misspelt, without accents, the commune with a CEDEX."""

import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from schools.recognition import SchoolReference
from schools.recognition.places import get_uai_departement

_ABBREVIATIONS = [
    (re.compile(rf"\b{written}\b", re.IGNORECASE), shorter)
    for written, shorter in (
        (r"[ée]cole [ée]l[ée]mentaire publique", ["EEPU", "E.E.PU", "éc. élém. publique"]),
        (r"[ée]cole maternelle publique", ["EMPU", "E.M.PU", "éc. mat. publique"]),
        (r"[ée]cole primaire publique", ["EPPU", "E.P.PU", "éc. prim. publique"]),
        (r"[ée]cole primaire priv[ée]e", ["EPPR", "E.P.PR", "éc. prim. privée"]),
        (r"[ée]cole [ée]l[ée]mentaire", ["éc. élém.", "E.E.", "EEPU", "école élém."]),
        (r"[ée]cole maternelle", ["éc. mat.", "E.M.", "EMPU", "Maternelle"]),
        (r"[ée]cole primaire", ["éc. prim.", "E.P.", "EPPU"]),
        (r"coll[eè]ge", ["clg", "Clg.", "col."]),
        (r"lyc[ée]e professionnel", ["LP", "L.P.", "lyc. pro"]),
        (r"lyc[ée]e", ["lyc.", "LYC"]),
    )
]
_SAINT = re.compile(r"\bsaint(e?)\b", re.IGNORECASE)
_FIRST_NAME = re.compile(
    r"\b(jean|jules|jacques|victor|paul|pierre|marcel|louis|henri|georges|charles|albert|antoine|anatole|romain)\b[ -]",
    re.IGNORECASE,
)
_CEDEX = re.compile(r" cedex.*$", re.IGNORECASE)
_DISTRICT = re.compile(r"([a-z]+) ([0-9]+)e arrondissement", re.IGNORECASE)
_SHORTEST_MISSPELT = 5


class SampledSchool(NamedTuple):
    """The directory's fields of a school to misname."""

    uai: str
    name: str
    commune: str
    postal_code: str


def misnamed(schools: Iterable[SampledSchool], *, seed: int = 2026) -> list[tuple[SchoolReference, str]]:
    """Return a (row, UAI) for each school, by name and commune or postal code; deterministic."""
    rng = random.Random(seed)  # noqa: S311 - invention, not secrecy
    rows: list[tuple[SchoolReference, str]] = []
    for key, school in enumerate(schools):
        name = _cased(rng, _name(rng, school.name))
        by_code = school.postal_code and rng.random() < 0.3  # noqa: PLR2004
        place = (
            {"postal_code": school.postal_code.lstrip("0")} if by_code else {"commune": _commune(rng, school.commune)}
        )
        rows.append((SchoolReference(key, name=name, **place), school.uai))
    return rows


def misspelt_communes(schools: Iterable[SampledSchool], *, seed: int = 2026) -> list[SchoolReference]:
    """Return a row for each school, by name, commune and département; each seventh commune is misspelt."""
    rng = random.Random(seed)  # noqa: S311 - invention, not secrecy
    return [
        SchoolReference(
            key,
            name=school.name,
            commune=school.commune if key % 7 else _misspelt(rng, school.commune),
            departement=get_uai_departement(school.uai),
        )
        for key, school in enumerate(schools)
    ]


def _name(rng: random.Random, name: str) -> str:
    def abbreviated(text: str) -> str:
        for pattern, shorter in _ABBREVIATIONS:
            if pattern.search(text):
                return pattern.sub(rng.choice(shorter), text, count=1)
        return text

    manners: Sequence[tuple[float, Callable[[str], str]]] = (
        (0.5, abbreviated),
        (0.5, lambda text: _SAINT.sub(r"St\1", text)),
        (0.1, lambda text: _FIRST_NAME.sub(lambda found: f"{found[1][0].upper()}. ", text, count=1)),
        (0.08, lambda text: _misspelt(rng, text)),
        (0.05, lambda text: " ".join([*text.split()[-2:], *text.split()[:-2]])),
    )
    for share, damage in manners:
        if rng.random() < share:
            name = damage(name)
    return name


def _commune(rng: random.Random, commune: str) -> str:
    commune = _CEDEX.sub("", commune)
    commune = _DISTRICT.sub(rng.choice([r"\1 \2", r"\1 \2E", r"\1 \2e arrondissement"]), commune)
    if rng.random() < 0.3:  # noqa: PLR2004
        commune = _SAINT.sub(r"St\1", commune)
    if rng.random() < 0.03:  # noqa: PLR2004
        commune = _misspelt(rng, commune)
    if rng.random() < 0.05:  # noqa: PLR2004
        commune += " CEDEX"
    return _cased(rng, commune)


def _cased(rng: random.Random, text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return rng.choice([text, text.upper(), bare, bare.upper(), text.replace("-", " ")])


def _misspelt(rng: random.Random, text: str) -> str:
    """Return the text with one typing error in a long word: a deletion, doubling, substitution or swap."""
    words = text.split()
    long = [place for place, word in enumerate(words) if len(word) >= _SHORTEST_MISSPELT and word.isalpha()]
    if not long:
        return text
    place = rng.choice(long)
    word = words[place]
    at = rng.randrange(1, len(word) - 1)
    words[place] = rng.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + rng.choice("aeilnorst") + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )
    return " ".join(words)
