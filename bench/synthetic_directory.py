"""A synthetic directory of national size, for machines without the real extract."""

import csv
import gzip
import itertools
import random
from pathlib import Path

from schools.uai import check_letter

#: The size of the real extract.
SIZE = 70_018

_KINDS = ["École élémentaire", "École maternelle", "École primaire", "Collège", "Lycée", "École privée"]
_FIRST = ["Jean", "Marie", "Jules", "Louise", "Victor", "Simone", "Paul", "Rosa", "Saint", "Sainte", "Notre", "Les"]
# Syllables as varied as in French names, for realistic trigrams.
_ONSETS = [*"bcdfgjlmnprstv", "bl", "br", "ch", "cl", "cr", "dr", "fl", "fr", "gl", "gr", "gu", "pl", "pr", "qu", "tr"]
_NUCLEI = ["a", "ai", "an", "au", "e", "é", "è", "eau", "eu", "i", "ie", "in", "o", "oi", "on", "ou", "u", "ui"]
_CODAS = ["", "", "", "c", "l", "lle", "nt", "r", "rd", "s", "t", "x"]
_TOWNS, _NAMES = 30_000, 12_000
_HEADER = [
    "Identifiant_de_l_etablissement", "Nom_etablissement", "Type_etablissement", "Statut_public_prive", "Adresse_1",
    "Code_postal", "Code_commune", "Nom_commune", "Code_departement", "Ecole_maternelle", "Ecole_elementaire",
    "Telephone", "Mail", "SIREN_SIRET", "Libelle_departement", "Libelle_academie", "Libelle_region", "latitude",
    "longitude", "etat", "code_nature", "libelle_nature",
]  # fmt: skip


def write(path: Path) -> Path:
    """Write the directory, gzipped and deterministic; return `path`."""
    rng = random.Random(2026)  # noqa: S311 - invention, not secrecy
    towns = [_word(rng, rng.randint(2, 3)).capitalize() for _ in range(_TOWNS)]
    names = [_word(rng, rng.randint(1, 3)).capitalize() for _ in range(_NAMES)]
    # A few names occur at a thousand schools, most at one or two.
    weights = list(itertools.accumulate(1 / rank for rank in range(1, _NAMES + 1)))
    with gzip.open(path, "wt", encoding="utf-8-sig", newline="", compresslevel=1) as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow(_HEADER)
        for number in range(SIZE):
            departement = 1 + number % 95
            digits = f"{departement:03d}{number // 95:04d}"
            code = digits + check_letter(digits)
            kind = rng.choice(_KINDS)
            town = rng.choice(towns)
            [name] = rng.choices(names, cum_weights=weights)
            school = kind[:5] == "École"
            writer.writerow([
                code, f"{kind} {rng.choice(_FIRST)} {name}", kind.split()[0], "Public",
                f"{rng.randint(1, 200)} rue {_word(rng, 3)}", f"{departement:02d}{rng.randint(0, 99):02d}0",
                f"{departement:02d}{rng.randint(1, 400):03d}", town, f"{departement:03d}",
                int(school and "mat" in kind), int(school and "mat" not in kind),
                f"0{rng.randint(10**8, 6 * 10**8)}",
                f"ce.{code}@ac-exemple.example", "", f"Département {departement}", f"Académie {departement % 30}",
                f"Région {departement % 13}", 42 + rng.random() * 8, rng.random() * 8 - 1, "OUVERT",
                "151" if school else "340", "ECOLE" if school else "COLLEGE",
            ])  # fmt: skip
    return path


def _word(rng: random.Random, syllables: int) -> str:
    start = "".join(rng.choice(_ONSETS) + rng.choice(_NUCLEI) for _ in range(syllables))
    return start + rng.choice(_CODAS)
