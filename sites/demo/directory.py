"""Generator of an invented school directory in the national format, and of a town hall's spreadsheet of its schools.

Deterministic, so that the demo is reproducible. UAI numbers are above those in use in the three départements, and
e-mail addresses use a reserved example domain, so that nothing reaches a real school.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook
from stdnum import luhn

from schools.uai import check_letter

COLUMNS = """
    Identifiant_de_l_etablissement Nom_etablissement Type_etablissement Statut_public_prive Adresse_1 Adresse_2
    Adresse_3 Code_postal Code_commune Nom_commune Code_departement Code_academie Code_region Ecole_maternelle
    Ecole_elementaire Voie_generale Voie_technologique Voie_professionnelle Telephone Fax Web Mail Restauration
    Hebergement ULIS Apprentissage Segpa Section_arts Section_cinema Section_theatre Section_sport
    Section_internationale Section_europeenne Lycee_Agricole Lycee_militaire Lycee_des_metiers Post_BAC
    Appartenance_Education_Prioritaire GRETA SIREN_SIRET Fiche_onisep position Type_contrat_prive
    Libelle_departement Libelle_academie Libelle_region coordX_origine coordY_origine epsg_origine
    nom_circonscription latitude longitude precision_localisation date_ouverture date_maj_ligne etat
    ministere_tutelle multi_uai rpi_concentre rpi_disperse code_nature libelle_nature Code_type_contrat_prive PIAL
    etablissement_mere type_rattachement_etablissement_mere code_circonscription code_zone_animation_pedagogique
    libelle_zone_animation_pedagogique code_bassin_formation libelle_bassin_formation
""".split()  # noqa: SIM905 - seventy-one names read better as lines than as a list

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
    communes: tuple[Commune, ...]
    academie: str = "Montpellier"
    academie_code: str = "11"
    region: str = "Occitanie"
    region_code: str = "76"


DEPARTEMENTS = (
    Departement(
        "030",
        "Gard",
        (
            Commune("Nîmes", "30189", "30000", 43.837, 4.360, 150),
            Commune("Alès", "30007", "30100", 44.125, 4.083, 80),
            Commune("Bagnols-sur-Cèze", "30028", "30200", 44.162, 4.620, 55),
            Commune("Beaucaire", "30032", "30300", 43.808, 4.644, 50),
            Commune("Saint-Gilles", "30258", "30800", 43.677, 4.431, 45),
            Commune("Villeneuve-lès-Avignon", "30351", "30400", 43.967, 4.796, 45),
            Commune("Vauvert", "30341", "30600", 43.693, 4.277, 45),
            Commune("Pont-Saint-Esprit", "30202", "30130", 44.257, 4.648, 40),
            Commune("Uzès", "30334", "30700", 44.012, 4.420, 40),
            Commune("Le Vigan", "30350", "30120", 43.991, 3.607, 30),
            Commune("Sommières", "30321", "30250", 43.783, 4.089, 30),
            Commune("Anduze", "30010", "30140", 44.054, 3.986, 30),
        ),
    ),
    Departement(
        "034",
        "Hérault",
        (
            Commune("Montpellier", "34172", "34000", 43.611, 3.877, 220),
            Commune("Béziers", "34032", "34500", 43.344, 3.216, 110),
            Commune("Sète", "34301", "34200", 43.405, 3.697, 70),
            Commune("Agde", "34003", "34300", 43.310, 3.475, 55),
            Commune("Lunel", "34145", "34400", 43.675, 4.135, 55),
            Commune("Castelnau-le-Lez", "34057", "34170", 43.636, 3.902, 50),
            Commune("Mauguio", "34154", "34130", 43.616, 4.009, 45),
            Commune("Frontignan", "34108", "34110", 43.448, 3.756, 45),
            Commune("Lodève", "34142", "34700", 43.731, 3.319, 40),
            Commune("Pézenas", "34199", "34120", 43.460, 3.423, 40),
            Commune("Ganges", "34111", "34190", 43.934, 3.708, 30),
        ),
    ),
    Departement(
        "048",
        "Lozère",
        (
            Commune("Mende", "48095", "48000", 44.518, 3.500, 55),
            Commune("Marvejols", "48092", "48100", 44.554, 3.291, 35),
            Commune("Saint-Chély-d'Apcher", "48140", "48200", 44.801, 3.276, 30),
            Commune("Langogne", "48080", "48300", 44.727, 3.855, 25),
            Commune("Florac Trois Rivières", "48061", "48400", 44.324, 3.594, 25),
        ),
    ),
)

NAMES = (
    "Jean Jaurès", "Jules Ferry", "Marie Curie", "Victor Hugo", "Simone Veil", "Louis Pasteur", "George Sand",
    "Jean Moulin", "Lucie Aubrac", "Antoine de Saint-Exupéry", "Jacques Prévert", "Marcel Pagnol", "Rosa Parks",
    "Germaine Tillion", "Célestin Freinet", "Pauline Kergomard", "Émile Zola", "Frédéric Mistral",
    "Jean de La Fontaine",
    "Joséphine Baker", "Paul Langevin", "Anne Frank", "Charles Perrault", "Françoise Dolto", "Henri Wallon",
    "Les Oliviers", "Les Garrigues", "Les Micocouliers", "Le Mas neuf", "La Fontaine", "Les Arènes", "Le Grand Pré",
    "Les Tilleuls", "La Source", "Le Moulin à vent", "Les Platanes", "Le Parc", "Les Cigales", "La Placette",
    "Le Château",
)  # fmt: skip
STREETS = ("rue de la République", "avenue Jean Jaurès", "rue des Écoles", "place de la Mairie", "chemin du Stade",
           "boulevard Gambetta", "rue du Marché", "allée des Platanes")  # fmt: skip


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
