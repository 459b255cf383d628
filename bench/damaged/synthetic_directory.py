"""A small synthetic directory with realistic names: the same namesakes in every town."""

import csv
import random
from pathlib import Path

from bench.damaged.directory import ListedSchool
from schools.uai import check_letter

_HEADER = [
    "Identifiant_de_l_etablissement", "Nom_etablissement", "Type_etablissement", "Statut_public_prive", "Adresse_1",
    "Code_postal", "Code_commune", "Nom_commune", "Code_departement", "Ecole_maternelle", "Ecole_elementaire", "Mail",
    "etat",
]  # fmt: skip
_FIRST = ["Jean", "Jules", "Victor", "Simone", "Louise", "Paul", "Marie", "Jacques", "Louis", "Rosa", "Georges", "Anne"]
_LAST = [
    "Jaurès", "Ferry", "Hugo", "Veil", "Michel", "Bert", "Curie", "Prévert", "Pasteur", "Parks", "Brassens", "Frank",
    "Moulin", "Macé", "Langevin", "Éluard", "Perrin", "Condorcet", "Lavoisier", "Dunant", "Aragon", "Camus",
]  # fmt: skip
_OTHER = [
    "du Centre", "les Tilleuls", "la Fontaine", "du Moulin", "Saint-Exupéry", "les Platanes", "Notre-Dame", "du Parc",
    "Saint-Joseph", "Sainte-Thérèse", "les Hirondelles", "de la Gare", "Jean-de-La-Fontaine", "les Prés-Verts", "",
]  # fmt: skip
_TOWNS = [
    "Saint-Aubin-sur-Vère", "Montfleury", "L'Haÿe-les-Bois", "Sainte-Colombe", "Villeneuve-la-Garde", "Le Bourg-Neuf",
    "Beaumarchais", "Saint-Étienne-du-Val", "Rocheverte", "Aubervent", "La Roche-aux-Moines", "Pontarcy", "Orvaux",
    "Clairvaux-en-Plaine", "Saint-Martin-d'Arce", "Les Essarts-Royaux", "Grandlieu", "Châteauroc", "Fontenaille",
    "Marcilly-les-Nonains",
]  # fmt: skip
_KINDS = [
    "École élémentaire", "École élémentaire", "École maternelle", "École maternelle", "École primaire",
    "École primaire publique", "École élémentaire publique", "École maternelle publique", "École primaire privée",
    "Collège", "Lycée",
]  # fmt: skip
#: One suffix per département, so that towns have similar but distinct names.
_SUFFIXES = [
    "", "-en-Vallée", "-sur-Orle", "-le-Haut", "-la-Forêt", "-les-Bains", "-en-Brande", "-sous-Bois", "-le-Vieux",
    "-sur-Mer", "-l'Abbaye", "-du-Lac", "-en-Forêt", "-la-Ville", "-le-Château", "-en-Plaine", "-les-Vignes", "-d'Aval",
    "-sur-Thève", "-d'Amont",
]  # fmt: skip
#: Ten schools a town, twenty towns a département.
_EACH = 200


def write_directory(path: Path, schools: list[ListedSchool]) -> Path:
    """Write the schools in the format of the national directory; return `path`."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(_HEADER)
        for school in schools:
            nursery = school.kind in ("maternelle", "primaire")
            writer.writerow([
                school.uai, school.name, "Ecole" if school.kind not in ("college", "lycee") else school.kind.title(),
                "Privé" if "privée" in school.name else "Public",
                school.address, school.postal_code, school.commune_code, school.commune, school.departement,
                int(nursery), int(school.kind in ("elementaire", "primaire")),
                f"ce.{school.uai.lower()}@ac-exemple.example", "OUVERT",
            ])  # fmt: skip
    return path


def generate_schools(size: int) -> list[ListedSchool]:
    """Return `size` schools in at least two départements; deterministic."""
    rng = random.Random(2026)  # noqa: S311 - invention, not secrecy
    departements = max(2, min(size // _EACH, len(_SUFFIXES)))
    schools = []
    for number in range(size):
        which = number % departements
        departement = f"{7 + 3 * which:03d}"
        digits = f"{departement}{1000 + number:04d}"
        town = rng.randrange(len(_TOWNS))
        named = f"{rng.choice(_FIRST)} {rng.choice(_LAST)}" if rng.random() < 0.6 else rng.choice(_OTHER)  # noqa: PLR2004
        schools.append(
            ListedSchool(
                uai=digits + check_letter(digits),
                name=f"{rng.choice(_KINDS)} {named}".strip(),
                address=f"{rng.randint(1, 99)} rue {rng.choice(_LAST)}",
                postal_code=f"{departement[1:]}{town:02d}0",
                commune=_TOWNS[town] + _SUFFIXES[which],
                commune_code=f"{departement[1:]}{town + 1:03d}",
                departement=departement,
            )
        )
    return schools
