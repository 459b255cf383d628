"""Parse and normalise the place of a row: commune, postal code, département. Pure.

`build_commune_key` is the same as `School.commune_key` in the database.
"""

import functools
import re
from typing import Final, NamedTuple

from schools.folding import fold

_METROPOLITAN = """
    ain, aisne, allier, alpes de haute provence, hautes alpes, alpes maritimes, ardeche, ardennes, ariege, aube,
    aude,
    aveyron, bouches du rhone, calvados, cantal, charente, charente maritime, cher, correze, -, cote d or,
    cotes d armor,
    creuse, dordogne, doubs, drome, eure, eure et loir, finistere, gard, haute garonne, gers, gironde, herault,
    ille et vilaine, indre, indre et loire, isere, jura, landes, loir et cher, loire, haute loire, loire atlantique,
    loiret, lot, lot et garonne, lozere, maine et loire, manche, marne, haute marne, mayenne, meurthe et moselle, meuse,
    morbihan, moselle, nievre, nord, oise, orne, pas de calais, puy de dome, pyrenees atlantiques, hautes pyrenees,
    pyrenees orientales, bas rhin, haut rhin, rhone, haute saone, saone et loire, sarthe, savoie, haute savoie, paris,
    seine maritime, seine et marne, yvelines, deux sevres, somme, tarn, tarn et garonne, var, vaucluse, vendee, vienne,
    haute vienne, vosges, yonne, territoire de belfort, essonne, hauts de seine, seine saint denis, val de marne,
    val d oise
"""

#: Directory code by folded name.
CODES: Final = {
    name: f"{number:03d}" for number, name in enumerate((each.strip() for each in _METROPOLITAN.split(",")), 1)
} | {
    "corse du sud": "02A", "haute corse": "02B", "guadeloupe": "971", "martinique": "972", "guyane": "973",
    "la reunion": "974", "reunion": "974", "saint pierre et miquelon": "975", "mayotte": "976",
    "saint barthelemy": "971", "saint martin": "971", "wallis et futuna": "986", "polynesie francaise": "987",
    "nouvelle caledonie": "988",
}  # fmt: skip


_CEDEX = re.compile(r" cedex( .*)?$")
# « NIMESCEDEX 9 »: the space is missing.
_CEDEX_ANYWHERE = re.compile(r" ?cedex.*$")
_DISTRICT = re.compile(r" ([0-9]{1,2})(?:er|e|eme|ieme|nd)?(?: (?:arrondissement|arrdt|ardt|arr))?$")
_ARTICLE_LAST = re.compile(r"^(.+) \(?(le|la|les|l)\)?$")
_SAINT = {"st": "saint", "ste": "sainte"}
# « Vitry s/ Seine », « Carrières ss Poissy »; never first.
_ABBREVIATIONS = {"s": "sur", "ss": "sous", "sr": "sur", "lès": "les"}
# Postal codes of the arrondissements: 75001 to 75020, 69001 to 69009, 13001 to 13016.
ARRONDISSEMENT_CITIES = {"paris": ("75", 20), "lyon": ("69", 9), "marseille": ("13", 16)}
_NUMBER = re.compile(r"(0?2[AB]|[0-9]{1,3})")
_CODE_FIRST = re.compile(r"(0?2[AB]|[0-9]{2,3})\b")
_CODE_LAST = re.compile(r"\((0?2[AB]|[0-9]{2,3})\)$")
_OVERSEAS = ("97", "98")
#: Codes of Saint-Barthélemy and Saint-Martin, and the postal codes of their CEDEX: their UAI are Guadeloupe's, which
#: they once were part of.
_OF_GUADELOUPE: Final = frozenset({"970", "977", "978"})
_GUADELOUPE: Final = "971"


class SchoolPlace(NamedTuple):
    """A parsed place; empty strings for what is not given."""

    #: The commune's key.
    commune: str
    #: Five digits.
    postal_code: str
    #: Directory code: `030`, `02A`, `974`.
    departement: str

    def __bool__(self) -> bool:
        """Whether there is a commune or a postal code; a département alone does not count."""
        return bool(self.commune or self.postal_code)


@functools.lru_cache(maxsize=50_000)
def build_commune_key(text: str) -> str:
    """Return the normalised name of a commune: folded, « saint » expanded, without CEDEX and arrondissement."""
    bare = _DISTRICT.sub("", _CEDEX.sub("", fold(text)))
    return " ".join(_SAINT.get(word, word) for word in bare.split())


@functools.lru_cache(maxsize=20_000)
def parse_place(commune: str, postal_code: str, departement: str) -> SchoolPlace:
    """Parse the place cells of a row, tolerating the usual variations."""
    folded = _CEDEX_ANYWHERE.sub("", fold(commune))
    key = build_commune_key(folded)
    code = parse_postal_code(postal_code)
    if not code and key[:5].isdecimal():
        # « 30000 Nîmes » in the commune's cell.
        code, key = key[:5], key[5:].strip()
    words = key.split()
    key = " ".join([*words[:1], *(_ABBREVIATIONS.get(word, word) for word in words[1:])])
    behind = _ARTICLE_LAST.fullmatch(key)
    if behind is not None and "(" in commune:
        # « HAVRE (LE) », « HAŸ-LES-ROSES (L') ».
        key = f"{behind[2]} {behind[1]}"
    district = _DISTRICT.search(folded)
    if not code and district is not None and key in ARRONDISSEMENT_CITIES:
        start, last = ARRONDISSEMENT_CITIES[key]
        if 1 <= int(district[1]) <= last:
            code = f"{start}0{int(district[1]):02d}"
    return SchoolPlace(key, code, parse_departement(departement) or get_postal_code_departement(code))


def parse_postal_code(text: str) -> str:
    """Return a postal code of five digits, its leading zero restored; empty where invalid."""
    bare = text.strip().replace(" ", "").removesuffix(".0").upper().removeprefix("F-")
    if not (bare.isascii() and bare.isdecimal() and 4 <= len(bare) <= 5):  # noqa: PLR2004
        return ""
    return bare.zfill(5) if bare.strip("0") else ""


@functools.lru_cache(maxsize=1_000)
def parse_departement(text: str) -> str:
    """Return the directory code of a département from its number or name; empty where unknown.

    « 30 », « 030 », « 30.0 », « Gard », « 30 - Gard », « Gard (30) ».
    """
    bare = text.strip().removesuffix(".0").upper()
    number = _NUMBER.fullmatch(bare) or _CODE_FIRST.match(bare) or _CODE_LAST.search(bare)
    if number is None:
        return CODES.get(fold(text), "")
    code = number[1].lstrip("0")
    return f"02{code[-1]}" if code in ("2A", "2B") else unify_departement(code.zfill(3)) if code else ""


def unify_departement(code: str) -> str:
    """Return the code of the département that gives the UAI: Guadeloupe's for Saint-Barthélemy and Saint-Martin."""
    return _GUADELOUPE if code in _OF_GUADELOUPE else code


def list_codes(departement: str) -> list[str]:
    """Return the codes under which the directory lists the schools of a département."""
    return [departement, *_OF_GUADELOUPE] if departement == _GUADELOUPE else [departement]


def get_postal_code_departement(code: str) -> str:
    """Return the directory code of a postal code's département; empty for Corsica, where it is ambiguous."""
    if not code or code.startswith("20"):
        return ""
    return unify_departement(code[:3]) if code.startswith(_OVERSEAS) else "0" + code[:2]


def get_uai_departement(code: str) -> str:
    """Return the directory code of the département of a UAI."""
    return {"620": "02A", "720": "02B"}.get(code[:3], code[:3])


_SEPARATORS = re.compile(r"\s+[-–—/]\s+|[,;:()|]")


def find_communes(name: str) -> list[tuple[str, str]]:
    """Return the possible communes in a name as (commune key, rest of the name), best first.

    Communes are separated by a dash, a comma or brackets: « Jean Jaurès - Nîmes », « NÎMES, J. Jaurès ».
    """
    parts = [part.strip() for part in _SEPARATORS.split(name)]
    parts = [part for part in parts if part]
    found: list[tuple[str, str]] = []
    if len(parts) > 1:
        found.append((build_commune_key(parts[-1]), " ".join(parts[:-1])))
        found.append((build_commune_key(parts[0]), " ".join(parts[1:])))
    return [(commune, rest) for commune, rest in found if commune and rest]
