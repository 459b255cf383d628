"""Schools and damaged rows for one file, drawn from the directory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from bench.damaged import spellings
from bench.damaged.directory import ListedSchool, SchoolDirectory
from bench.damaged.expectations import DamagedFile, ExpectedMatch, ExpectedRow
from schools.folding import fold
from schools.uai import check_letter

_makers: list[Callable[[RowGenerator], DamagedFile]] = []


def register_file(make: Callable[[RowGenerator], DamagedFile]) -> Callable[[RowGenerator], DamagedFile]:
    """Register a maker of one file."""
    _makers.append(make)
    return make


def list_file_makers() -> list[Callable[[RowGenerator], DamagedFile]]:
    """Return all makers, in the order of registration."""
    return list(_makers)


class DamagedRow(NamedTuple):
    """The cells of a row by name, and its expected result."""

    cells: dict[str, Any]
    truth: ExpectedRow

    def of(self, keys: Iterable[str]) -> list[Any]:
        """Return these cells in order; an unknown key gives a blank."""
        return [self.cells.get(key, "") for key in keys]


class RowGenerator:
    """Draws schools and rows for one file, with the file's own random generator."""

    def __init__(self, directory: SchoolDirectory, name: str, size: int, seed: int) -> None:
        self.directory = directory
        self.name = name
        self.size = size
        # Seeded by name: adding or removing a file changes no other.
        self.rng = random.Random(f"{seed} {name}")  # noqa: S311 - damage, not secrecy

    def schools(
        self, size: int | None = None, *, where: Callable[[ListedSchool], bool] = lambda _: True
    ) -> list[ListedSchool]:
        """Return schools of one département, by default as many as the file's size."""
        return self.directory.sample(self.rng, self.size if size is None else size, where=where)

    def communes(self, number: int, *, least: int = 3, most: int = 12) -> list[tuple[str, list[ListedSchool]]]:
        """Return (name, schools) of communes of one département."""
        groups = self.directory.communes(self.rng, number, least=least)
        return [(group[0].commune, group[:most]) for group in groups]

    def line(
        self, school: ListedSchool, *, damage: str = "named", unit: str = "classes", faults: float = 0.04
    ) -> DamagedRow:
        """Return a row that carries the school's UAI.

        `damage`: "named" where name or commune stand beside the UAI, so that a wrong letter can be repaired; "proven"
        where the check letter alone must prove it; "none".
        """
        rng = self.rng
        number = rng.randint(1, 18)
        quantity = spellings.spell_quantity(number, rng, unit=unit, faults=faults)
        uai = school.uai if damage == "none" else spellings.damage_uai(school.uai, rng, proven=damage == "proven")
        return DamagedRow(
            self._cells(school, uai, quantity.cell), ExpectedRow(ExpectedMatch.CODED, school.uai, quantity.meant)
        )

    def named(
        self, school: ListedSchool, *, place: str, expected: ExpectedMatch = ExpectedMatch.NAMED,
        portfolio: Iterable[ListedSchool] = (),
        unit: str = "classes", faults: float = 0.04,
    ) -> DamagedRow:  # fmt: skip
        """Return a row without a UAI. `place`: "commune", "postal", or "portfolio" for a name within the portfolio."""
        rng = self.rng
        quantity = spellings.spell_quantity(rng.randint(1, 18), rng, unit=unit, faults=faults)
        name = spellings.spell_school_name(school, rng)
        if place == "portfolio":
            same = [
                other for other in portfolio
                if (
                    name.last_word in other.distinctive_words if name.last_word
                    else other.distinctive_words == school.distinctive_words
                )
                and (other.kind == school.kind or not name.has_kind)
            ]  # fmt: skip
            certain = len(same) == 1
        else:
            certain = self.directory.is_unique_match(
                school, place=school.place if place == "commune" else school.postal_code,
                has_kind=name.has_kind, by_last_word=name.last_word,
            )  # fmt: skip
        cells = self._cells(school, "", quantity.cell) | {"name": name.text}
        return DamagedRow(cells, ExpectedRow(expected if certain else ExpectedMatch.OPEN, school.uai, quantity.meant))

    def unknown_school(self) -> tuple[str, str]:
        """Return a valid UAI and a name that belong to no school."""
        known = {school.uai for school in self.directory.all}
        while True:
            digits = f"0{self.rng.randint(10_000, 959_999):06d}"
            uai = digits + check_letter(digits)
            if uai not in known:
                return uai, f"École élémentaire {self.rng.choice(_UNKNOWN_NAMES)}"

    def _cells(self, school: ListedSchool, uai: str | int, quantity: Any) -> dict[str, Any]:
        rng = self.rng
        phone = rng.randint(1_30_00_00_00, 5_99_99_99_99)
        return {
            "uai": uai, "quantity": quantity, "true_uai": school.uai, "directory_name": school.name,
            "name": spellings.spell_school_name(school, rng).text,
            "directory_commune": school.commune,
            "commune": spellings.spell_commune(school.commune, school.departement, rng),
            "postal": school.postal_code, "postal_number": int(school.postal_code) if school.postal_code else "",
            "insee": int(school.commune_code) if school.commune_code.isdigit() else school.commune_code or 30_189,
            "address": school.address or f"{rng.randint(1, 90)} rue de la République",
            "email": f"ce.{school.uai.lower()}@ac-exemple.example",
            "town_hall": f"ecoles@{fold(school.commune).replace(' ', '-')}.example",
            "phone": f"0{phone}", "phone_number": float(phone), "siret": 21_300_000_000_000 + rng.randrange(10**11),
            "pupils": rng.randint(20, 420), "year": 2026,
            "district": f"Circonscription de {school.commune} {rng.randint(1, 3)}",
            "director": rng.choice(("Mme Durand", "M. Martin", "Mme Le Goff", "M. N'Diaye", "Mme Petit-Roux")),
            "code": f"{rng.choice('ABC')}{rng.randint(100, 999)}", "sector": "Public", "kind": school.kind,
            "departement": school.departement,
        }  # fmt: skip


#: Names that occur in no directory.
_UNKNOWN_NAMES = (
    "Zéphirin Quatrebarbes", "des Trois-Licornes", "Hégésippe Vaucanson", "du Moulin à Sel-Gris", "Wilhelmine Ubu",
    "de la Comète-Bleue", "Yolande Xaintrailles", "des Dix-Sept-Ponts", "Aristarque Kermabon", "du Vieux-Sémaphore",
)  # fmt: skip
