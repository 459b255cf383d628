"""Schools and damaged rows for one file, drawn from the directory."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.damaged import writing
from bench.damaged.truth import Expected, Row
from schools.folding import fold
from schools.uai import check_letter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.damaged.directory import Directory, School
    from bench.damaged.truth import DamagedFile

_makers: list[Callable[[Material], DamagedFile]] = []


def damaged(make: Callable[[Material], DamagedFile]) -> Callable[[Material], DamagedFile]:
    """Register a maker of one file."""
    _makers.append(make)
    return make


def makers() -> list[Callable[[Material], DamagedFile]]:
    """Return all makers, in the order of registration."""
    return list(_makers)


class Line(NamedTuple):
    """The cells of a row by name, and its expected result."""

    cells: dict[str, Any]
    truth: Row

    def of(self, keys: Iterable[str]) -> list[Any]:
        """Return these cells in order; an unknown key gives a blank."""
        return [self.cells.get(key, "") for key in keys]


class Material:
    """Draws schools and rows for one file, with the file's own random generator."""

    def __init__(self, directory: Directory, name: str, size: int, seed: int) -> None:
        self.directory = directory
        self.name = name
        self.size = size
        # Seeded by name: adding or removing a file changes no other.
        self.chance = random.Random(f"{seed} {name}")  # noqa: S311 - damage, not secrecy

    def schools(self, size: int | None = None, *, where: Callable[[School], bool] = lambda _: True) -> list[School]:
        """Return schools of one département, by default as many as the file's size."""
        return self.directory.sample(self.chance, self.size if size is None else size, where=where)

    def communes(self, number: int, *, least: int = 3, most: int = 12) -> list[tuple[str, list[School]]]:
        """Return (name, schools) of communes of one département."""
        groups = self.directory.communes(self.chance, number, least=least)
        return [(group[0].commune, group[:most]) for group in groups]

    def line(self, school: School, *, damage: str = "named", unit: str = "classes", faults: float = 0.04) -> Line:
        """Return a row that carries the school's UAI.

        `damage`: "named" where name or commune stand beside the UAI, so that a wrong letter can be repaired; "proven"
        where the check letter alone must prove it; "none".
        """
        chance = self.chance
        number = chance.randint(1, 18)
        quantity = writing.quantity(number, chance, unit=unit, faults=faults)
        uai = school.uai if damage == "none" else writing.repairable(school.uai, chance, proven=damage == "proven")
        return Line(self._cells(school, uai, quantity.cell), Row(Expected.CODED, school.uai, quantity.meant))

    def named(
        self, school: School, *, place: str, expected: Expected = Expected.NAMED, remit: Iterable[School] = (),
        unit: str = "classes", faults: float = 0.04,
    ) -> Line:  # fmt: skip
        """Return a row without a UAI. `place`: "commune", "postal", or "remit" for a name within the portfolio."""
        chance = self.chance
        quantity = writing.quantity(chance.randint(1, 18), chance, unit=unit, faults=faults)
        name = writing.school_name(school, chance)
        if place == "remit":
            same = [
                other for other in remit
                if (other.telling == school.telling if not name.last_word else name.last_word in other.telling)
                and (other.kind == school.kind or not name.kind_said)
            ]  # fmt: skip
            certain = len(same) == 1
        else:
            certain = self.directory.one_fits(
                school, place=school.place if place == "commune" else school.postal_code,
                kind_said=name.kind_said, by_last_word=name.last_word,
            )  # fmt: skip
        cells = self._cells(school, "", quantity.cell) | {"name": name.text}
        return Line(cells, Row(expected if certain else Expected.OPEN, school.uai, quantity.meant))

    def stranger(self) -> tuple[str, str]:
        """Return a valid UAI and a name that belong to no school."""
        known = {school.uai for school in self.directory.all}
        while True:
            digits = f"0{self.chance.randint(10_000, 959_999):06d}"
            uai = digits + check_letter(digits)
            if uai not in known:
                return uai, f"École élémentaire {self.chance.choice(_UNKNOWN_NAMES)}"

    def _cells(self, school: School, uai: str | int, quantity: Any) -> dict[str, Any]:
        chance = self.chance
        phone = chance.randint(1_30_00_00_00, 5_99_99_99_99)
        return {
            "uai": uai, "quantity": quantity, "true_uai": school.uai, "directory_name": school.name,
            "name": writing.school_name(school, chance).text,
            "directory_commune": school.commune,
            "commune": writing.commune_name(school.commune, school.departement, chance),
            "postal": school.postal_code, "postal_number": int(school.postal_code) if school.postal_code else "",
            "insee": int(school.commune_code) if school.commune_code.isdigit() else school.commune_code or 30_189,
            "address": school.address or f"{chance.randint(1, 90)} rue de la République",
            "email": f"ce.{school.uai.lower()}@ac-exemple.example",
            "town_hall": f"ecoles@{fold(school.commune).replace(' ', '-')}.example",
            "phone": f"0{phone}", "phone_number": float(phone), "siret": 21_300_000_000_000 + chance.randrange(10**11),
            "pupils": chance.randint(20, 420), "year": 2026,
            "district": f"Circonscription de {school.commune} {chance.randint(1, 3)}",
            "director": chance.choice(("Mme Durand", "M. Martin", "Mme Le Goff", "M. N'Diaye", "Mme Petit-Roux")),
            "code": f"{chance.choice('ABC')}{chance.randint(100, 999)}", "sector": "Public", "kind": school.kind,
            "departement": school.departement,
        }  # fmt: skip


#: Names that occur in no directory.
_UNKNOWN_NAMES = (
    "Zéphirin Quatrebarbes", "des Trois-Licornes", "Hégésippe Vaucanson", "du Moulin à Sel-Gris", "Wilhelmine Ubu",
    "de la Comète-Bleue", "Yolande Xaintrailles", "des Dix-Sept-Ponts", "Aristarque Kermabon", "du Vieux-Sémaphore",
)  # fmt: skip
