"""Realistic spellings of school names, communes, UAI and numbers in cells."""

import datetime
import random
import re
import unicodedata
from typing import Any, NamedTuple

from bench.damaged.directory import KIND_WORDS, ListedSchool
from schools.folding import fold
from schools.uai import LETTERS

_KINDS = {
    "elementaire": (
        "École élémentaire", "EEPU", "E.E.PU", "E.E.P.U.", "éc. élém.", "Ec élém", "Ecole élém.", "ECOLE ELEMENTAIRE",
        "EE", "École élémentaire publique", "ec. elem.", "Elémentaire",
    ),
    "maternelle": (
        "École maternelle", "EMPU", "E.M.PU", "E.M.P.U.", "éc. mat.", "Ec. mat.", "MATERNELLE", "EM", "ecole mat",
        "École maternelle publique",
    ),
    "primaire": (
        "École primaire", "EPPU", "E.P.PU", "éc. prim.", "Ecole prim.", "PRIMAIRE", "EP", "École primaire publique",
    ),
    "college": ("Collège", "clg", "CLG", "Coll.", "COLLEGE", "Clg.", "collège"),
    "lycee": ("Lycée", "LYCEE", "Lyc.", "lycée", "LYC"),
}  # fmt: skip
_PRIVATE = {
    "elementaire": ("École élémentaire privée", "EEPR", "E.E.PR", "éc. élém. privée"),
    "maternelle": ("École maternelle privée", "EMPR", "éc. mat. privée"),
    "primaire": ("École primaire privée", "EPPR", "E.P.PR", "éc. prim. privée"),
    "college": ("Collège privé", "clg privé", "CLG PR"),
    "lycee": ("Lycée privé", "LYCEE PRIVE", "Lyc. privé"),
}
_PROFESSIONAL = ("Lycée professionnel", "LP", "Lycée pro", "Lyc. prof.", "LYCEE PRO.", "LYCEE PROFESSIONNEL", "Lycée")
_ABBREVIATED = frozenset(["e e pu", "e m pu", "e p pu", "e e pr", "e m pr", "e p pr", "eepu", "empu", "eppu"])
#: First names that become an initial.
_FIRST_NAMES = frozenset(
    """
    jean jules victor simone louise paul marie jacques louis rosa georges anne henri pierre charles emile marcel albert
    robert rene francois antoine joseph andre claude edouard ferdinand gerard guy irene joliot leon lucie marc romain
    marguerite maurice maxime michel nelson olympe pablo philippe raymond roger suzanne camille danielle
    """.split()  # noqa: SIM905 - a list of quoted words is read by nobody
)
#: Where the kind is left out.
_VAGUE = ("", "École", "Groupe scolaire", "Ecole", "GS")
_RANKS = {
    "général": "Gal", "general": "Gal", "docteur": "Dr", "président": "Pdt", "president": "Pdt", "maréchal": "Mal",
    "marechal": "Mal", "professeur": "Pr", "notre-dame": "N.D.", "notre dame": "ND",
}  # fmt: skip
_RANK = re.compile(r"\b(" + "|".join(_RANKS) + r")\b", re.IGNORECASE)


class WrittenName(NamedTuple):
    """A written name. `last_word`: the unabbreviated one where the first name became an initial."""

    text: str
    has_kind: bool
    last_word: str = ""


def strip_accents(text: str) -> str:
    """Return `text` without its accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def proper_words(name: str) -> list[str]:
    """Return the words of a school's name that follow its kind."""
    words = name.split()
    while words and (fold(words[0]) in _ABBREVIATED or set(fold(words[0]).split()) <= KIND_WORDS):
        words.pop(0)
    # Some names say it twice: « École maternelle Zola maternelle ».
    return [word for word in words if fold(word) not in ("maternelle", "elementaire", "primaire")]


def spell_school_name(school: ListedSchool, rng: random.Random) -> WrittenName:
    """Return the school's name as an officer writes it."""
    private = any(word in fold(school.name).split() for word in ("prive", "privee"))
    kinds = (_PRIVATE if private else _KINDS)[school.kind]
    if school.kind == "lycee" and "professionnel" in fold(school.name).split():
        kinds = tuple(f"{kind} privé" if private else kind for kind in _PROFESSIONAL)
    words = proper_words(school.name)
    if not words:
        return WrittenName(rng.choice(kinds), has_kind=True)
    has_kind = not _now_and_then(rng, 0.12)
    vague = _VAGUE[: 1 if school.kind in ("college", "lycee") else None]
    kind = rng.choice(kinds if has_kind else vague)
    words, last_word = _slip(words, rng)
    text = _dress(" ".join(words), rng)
    if kind and _now_and_then(rng, 0.08):
        text = rng.choice((f"{text} {kind}", f"{text} ({kind})"))
    else:
        text = f"{kind} {text}".strip()
    if _now_and_then(rng, 0.04):
        text = f"{text} {school.commune}"
    if _now_and_then(rng, 0.1):
        text = f" {text.replace(' ', '  ', 1)} "
    return WrittenName(text, has_kind, last_word if has_kind else "")


def _now_and_then(rng: random.Random, share: float) -> bool:
    return rng.random() < share


def _slip(words: list[str], rng: random.Random) -> tuple[list[str], str]:
    """Return the words with an initial, reordered or misspelt; and the unabbreviated word beside an initial."""
    slip = rng.choices(("initial", "order", "letters", ""), (10, 6, 8, 76))[0]
    two = len(words) == 2  # noqa: PLR2004 - a first name and a name
    if slip == "initial" and two and fold(words[0]) in _FIRST_NAMES:
        return [f"{words[0][0]}.", words[1]], fold(words[1]).replace(" ", "")
    if slip == "order" and two:
        return words[::-1], ""
    if slip == "letters":
        return [*words[:-1], misspell(words[-1], rng)], ""
    return words, ""


def _dress(text: str, rng: random.Random) -> str:
    """Return the name in capitals, without hyphens, with its saints and ranks abbreviated, or as it is."""
    if _now_and_then(rng, 0.3):
        text = _RANK.sub(lambda rank: _RANKS[rank[0].lower()], text)
    ways = (strip_accents(text).upper(), text.replace("-", " "), swap_saint_spelling(text), text.title(), text)
    return rng.choices(ways, (25, 15, 15, 7, 38))[0]


def misspell(word: str, rng: random.Random) -> str:
    """Return the word with one typing error; a short one unchanged."""
    if len(word) < 6:  # noqa: PLR2004
        return word
    at = rng.randrange(1, len(word) - 2)
    slip = rng.randrange(3)
    if slip == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at + 1 :] if slip == 1 else word[:at] + word[at] + word[at:]


def swap_saint_spelling(text: str) -> str:
    """Return « Saint » as « St », and the other way."""
    if re.search(r"\bSainte?\b", text, re.IGNORECASE):
        return re.sub(r"\b(S)aint(e?)\b", r"\1t\2", text, flags=re.IGNORECASE)
    return re.sub(r"\bSt(e?)\b", r"Saint\1", text)


def spell_commune(commune: str, departement: str, rng: random.Random) -> str:
    """Return a realistic spelling of the commune's name."""
    numbered = re.fullmatch(r"(\w+?)[ -]+(\d+)(?:er?|eme|ème)?(?: arrondissement)?", commune, re.IGNORECASE)
    if numbered is not None:
        return rng.choice(("{} {}", "{} {}e", "{} {}EME", "{} {}e arrondissement")).format(numbered[1], numbered[2])
    article = re.fullmatch(r"(L['’]|Le |La |Les )(.+)", commune, re.IGNORECASE)
    shouted = strip_accents(commune).upper()
    ways = (
        (shouted, 30),
        (commune.replace("-", " "), 15),
        (strip_accents(swap_saint_spelling(commune)).upper(), 15),
        (f"{shouted} CEDEX", 4),
        (f"{shouted} CEDEX {rng.randint(1, 9)}", 4),
        (f"{article[2]} ({article[1].strip()})" if article is not None else commune, 4),
        (misspell(commune, rng), 3),
        (f"{commune} ({departement.removeprefix('0')})", 2),
        (f"{commune} ", 5),
        (commune, 20),
    )
    return rng.choices([way for way, _ in ways], [weight for _, weight in ways])[0]


def damage_uai(uai: str, rng: random.Random, *, proven: bool = False) -> str | int:
    """Return the UAI valid or damaged. `proven`: only damage that the check letter alone can repair."""
    zero = uai.find("0", 1, 7)
    other = LETTERS[(LETTERS.index(uai[7]) + rng.randrange(1, len(LETTERS))) % len(LETTERS)]
    ways: list[str | int] = [
        uai.lower(),
        f" {uai[:3]} {uai[3:7]} {uai[7]}",
        # A département's number has three digits, of which Excel eats the first; overseas begins with a nine.
        uai[1:] if uai[0] == "0" and uai[1:3] != "00" else uai,
        uai[:zero] + "O" + uai[zero + 1 :] if zero > 0 else uai,
        f"{uai[:7]}-{uai[7]}",
        f"{uai}\u00a0",
        uai,
        uai,
    ]
    if not proven:
        ways += [uai[:7] + other, rng.choice((uai[:7], int(uai[:7])))]
    return rng.choice(ways)


class WrittenNumber(NamedTuple):
    """A cell, and the number it means; None where it means none."""

    cell: Any
    meant: int | None


def spell_quantity(number: int, rng: random.Random, *, unit: str = "classes", faults: float = 0.04) -> WrittenNumber:
    """Return a realistic spelling of a number of licences or classes."""
    if rng.random() < faults:
        return WrittenNumber(rng.choice(("", "#N/A", datetime.date(2026, 9, 1), "?", "à préciser")), None)
    ways = (number, number, number, float(number), f"{number} ", f"{number} {unit}", f"{number},00", f"\u00a0{number}")
    return WrittenNumber(rng.choice(ways), number)
