"""Generator of an invented school directory in the national format, and of a town hall's spreadsheet of its schools.

Deterministic, so that the demo is reproducible. UAI numbers are above those in use in the three départements, and
e-mail addresses use a reserved example domain, so that nothing reaches a real school.
"""

import csv
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook
from stdnum import luhn

from schools.uai import check_letter

INVENTED = Path(__file__).parent / "invented"


def read_words(name: str) -> tuple[str, ...]:
    """Return the lines of a text file of `invented`."""
    return tuple((INVENTED / f"{name}.txt").read_text(encoding="utf-8").splitlines())


COLUMNS = read_words("columns")
MAIL_DOMAIN = "ecoles-demo.example"
FIRST_NUMBER = 9001


@dataclass(frozen=True, slots=True)
class Commune:
    name: str
    code: str
    postal_code: str
    latitude: float
    longitude: float
    schools: int

    @property
    def siren(self) -> str:
        """The commune's SIREN, with which the SIRET of its public écoles begins."""
        stem = f"21{self.code[:2]}0{self.code[2:]}"
        return stem + luhn.calc_check_digit(stem)


@dataclass(frozen=True, slots=True)
class Departement:
    code: str
    name: str
    academie: str
    academie_code: str
    region: str
    region_code: str
    communes: tuple[Commune, ...]


def read_departements(file_name: str) -> Iterator[Departement]:
    """Yield the départements of a CSV file of `invented`, with their communes."""
    with (INVENTED / f"{file_name}.csv").open(encoding="utf-8", newline="") as file:
        _titles, *rows = csv.reader(file)
    for departement, group in itertools.groupby(rows, lambda row: row[:6]):
        code, name, academie, academie_code, region, region_code = departement
        communes = tuple(
            Commune(title, insee_code, postal_code, float(latitude), float(longitude), int(schools))
            for title, insee_code, postal_code, latitude, longitude, schools in (row[6:] for row in group)
        )
        yield Departement(code, name, academie, academie_code, region, region_code, communes)


DEPARTEMENTS = tuple(read_departements("communes"))
NAMES, STREETS = read_words("school_names"), read_words("streets")


@dataclass(frozen=True, slots=True)
class SchoolShape:
    """Directory values of a kind of school."""

    title: str
    type: str
    nature: str
    nature_code: str
    nursery: str
    elementary: str


SHAPES = (
    (SchoolShape("École élémentaire", "Ecole", "ECOLE DE NIVEAU ELEMENTAIRE", "151", "0", "1"), 44),
    (SchoolShape("École maternelle", "Ecole", "ECOLE MATERNELLE", "101", "1", "0"), 26),
    (SchoolShape("École primaire", "Ecole", "ECOLE DE NIVEAU ELEMENTAIRE", "151", "1", "1"), 20),
    (SchoolShape("Collège", "Collège", "COLLEGE", "340", "", ""), 8),
    (SchoolShape("Lycée", "Lycée", "LYCEE D ENSEIGNEMENT GENERAL", "302", "", ""), 2),
)


def generate_schools(
    departements: Iterable[Departement] = DEPARTEMENTS,
    *,
    shapes_and_weights: Iterable[tuple[SchoolShape, int]] = SHAPES,
    names: Sequence[str] = (),
) -> Iterator[dict[str, str]]:
    """Yield the rows of the directory, one per school, always the same.

    `names`: given once in a commune, which has no more schools; ours by default, some twice, as in real communes.
    """
    rng = random.Random(2026)  # noqa: S311 - invented data, the same in every run
    shapes, weights = zip(*shapes_and_weights, strict=True)
    for departement in departements:
        number = FIRST_NUMBER
        for commune in departement.communes:
            taken: set[str] = set()
            unused = rng.sample(names, len(names)) if names else []
            for _ in range(commune.schools):
                shape = rng.choices(shapes, weights)[0]
                name = f"{shape.title} {unused.pop()}" if names else _draw_name(shape, taken, rng)
                yield _build_school_row(departement, commune, shape, name=name, number=number, rng=rng)
                number += 1


def write_csv(path: Path, rows: Iterable[dict[str, str]] | None = None) -> int:
    """Write a directory, ours by default, as official CSV (`;`, UTF-8 with BOM); return the number of schools."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", delimiter=";")
        writer.writeheader()
        for row in generate_schools() if rows is None else rows:
            writer.writerow(row)
            count += 1
    return count


def _draw_name(shape: SchoolShape, taken: set[str], rng: random.Random) -> str:
    """Return a name that is not in `taken`, and add it."""
    stem = f"{shape.title} {rng.choice(NAMES)}"
    name, suffix = stem, 1
    while name in taken:
        suffix += 1
        name = f"{stem} {suffix}"
    taken.add(name)
    return name


def _build_school_row(
    departement: Departement, commune: Commune, shape: SchoolShape, *, name: str, number: int, rng: random.Random
) -> dict[str, str]:
    digits = f"{departement.code}{number:04d}"
    uai = digits + check_letter(digits)
    siret = f"{commune.siren}{number:04d}"
    latitude = round(commune.latitude + rng.uniform(-0.03, 0.03), 6)
    longitude = round(commune.longitude + rng.uniform(-0.04, 0.04), 6)
    return {
        "Identifiant_de_l_etablissement": uai,
        "Nom_etablissement": name,
        "Type_etablissement": shape.type,
        "Statut_public_prive": "Public",
        "Adresse_1": f"{rng.randint(1, 98)} {rng.choice(STREETS)}",
        "Adresse_3": f"{commune.postal_code} {commune.name.upper()}",
        "Code_postal": commune.postal_code,
        "Code_commune": commune.code,
        "Nom_commune": commune.name,
        "Code_departement": departement.code,
        "Code_academie": departement.academie_code,
        "Code_region": departement.region_code,
        "Ecole_maternelle": shape.nursery,
        "Ecole_elementaire": shape.elementary,
        "Telephone": f"04 99 00 {number // 100:02d} {number % 100:02d}",
        "Mail": f"ce.{uai.lower()}@{MAIL_DOMAIN}",
        "SIREN_SIRET": siret + luhn.calc_check_digit(siret) if shape.type == "Ecole" else "",
        "position": f"{latitude}, {longitude}",
        "Libelle_departement": departement.name,
        "Libelle_academie": departement.academie,
        "Libelle_region": departement.region,
        "latitude": str(latitude),
        "longitude": str(longitude),
        "date_ouverture": "1975-09-01",
        "date_maj_ligne": "2026-11-02",
        "etat": "OUVERT",
        "ministere_tutelle": "MINISTERE DE L'EDUCATION NATIONALE",
        "multi_uai": "0",
        "code_nature": shape.nature_code,
        "libelle_nature": shape.nature,
    }


SheetRow = dict[str, str | int]


COMMUNE = "Nîmes"
ELIGIBLE_PREFIXES = ("École élémentaire", "École primaire")
HEADER = ("N° UAI", "École", "Nb de licences", "Adresse e-mail", "Observations")
SCHOOLS = 42
#: Licences of the first school, whose principal and teachers sign up in the demo.
FOLLOWED_SCHOOL_UNITS = 4
BLANK_AFTER = (9, 30)


def mistype_uai(uai: str) -> str:
    """Return the UAI with its last digit changed, so that its check letter is wrong."""
    return uai[:6] + str((int(uai[6]) + 1) % 10) + uai[7]


#: Index in the list → replaced cells. All but the last three can still be parsed.
ROW_ERRORS: dict[int, Callable[[SheetRow], SheetRow]] = {
    3: lambda line: {"N° UAI": str(line["N° UAI"]).removeprefix("0")},
    5: lambda line: {"N° UAI": str(line["N° UAI"]).lower()},
    8: lambda line: {"N° UAI": f" {str(line['N° UAI'])[:3]} {str(line['N° UAI'])[3:7]} {str(line['N° UAI'])[7:]} "},
    20: lambda _: {"Adresse e-mail": "direction.ecole@nimes-demo.example"},
    23: lambda line: {"Nb de licences": f"{line['Nb de licences']},0"},
    11: lambda line: {"N° UAI": mistype_uai(str(line["N° UAI"])), "Observations": "à vérifier"},
    14: lambda _: {"Adresse e-mail": "direction.ecole@@nimes", "Observations": "nouvelle adresse"},
    17: lambda _: {"Nb de licences": "trois"},
}


def list_eligible_schools() -> list[dict[str, str]]:
    """Return the schools of the commune with classes from CP to CM2, by UAI."""
    return [
        row
        for row in generate_schools()
        if row["Nom_commune"] == COMMUNE and row["Nom_etablissement"].startswith(ELIGIBLE_PREFIXES)
    ]


def _build_row(school: dict[str, str], units: int, comment: str = "") -> SheetRow:
    uai, name = school["Identifiant_de_l_etablissement"], school["Nom_etablissement"]
    return dict(zip(HEADER, (uai, name, units, "", comment), strict=True))


def write_workbook(path: Path) -> int:
    """Write the workbook; return the number of schools in it.

    A title and a blank row above the header row; then the errors above, blank rows, a duplicate school and a nursery
    school; a total at the end.
    """
    eligible = list_eligible_schools()[:SCHOOLS]
    nursery = next(
        row
        for row in generate_schools()
        if row["Nom_commune"] == COMMUNE and row["Nom_etablissement"].startswith("École maternelle")
    )
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Dotation 2026-2027"
    sheet.append(["Ville de Nîmes – Direction de l'éducation"])
    sheet.append(["Dotation en licences Pep's, année scolaire 2026-2027 (mise à jour du 12/11/2026)"])
    sheet.append([])
    sheet.append(HEADER)
    total = 0
    for index, school in enumerate(eligible):
        units = FOLLOWED_SCHOOL_UNITS if index == 0 else 2 + index % 4
        line = _build_row(school, units)
        line |= ROW_ERRORS[index](line) if index in ROW_ERRORS else {}
        sheet.append(list(line.values()))
        total += units
        if index in BLANK_AFTER:
            sheet.append([])
    sheet.append(list(_build_row(eligible[2], 4, "ajout du 12/11").values()))
    sheet.append(list(_build_row(nursery, 2).values()))
    sheet.append([])
    sheet.append(["TOTAL", "", total, "", ""])
    book.save(path)
    return len(eligible) + 1
