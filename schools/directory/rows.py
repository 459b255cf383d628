"""From the cells of one line to a school, or to the reason why it is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from schools import uai
from schools.directory import cells
from schools.folding import fold
from schools.models import School

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SchoolRow(NamedTuple):
    """What the file says of one school; None where it does not say. In the order in which it is COPYed."""

    line: int
    uai: str
    name: str
    type: str | None
    sector: str | None
    address: str | None
    address_extra: str | None
    postal_code: str | None
    commune: str | None
    commune_code: str | None
    departement: str | None
    departement_code: str | None
    academie: str | None
    region: str | None
    has_nursery: bool | None
    has_elementary: bool | None
    nature: str | None
    phone: str | None
    email: str | None
    siret: str | None
    latitude: float | None
    longitude: float | None
    state: str | None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A line that was left out. `uai` is empty where it could not be read."""

    line: int
    uai: str
    reason: str


LONGEST = {
    name: length
    for name in SchoolRow._fields[1:]
    if (length := getattr(School._meta.get_field(name), "max_length", None)) is not None  # noqa: SLF001 - documented
}


class RowReader:
    """Reads the lines of one file, whose columns stand at `places`."""

    def __init__(self, places: Mapping[str, int]) -> None:
        self.places = places
        self.says_more_address = "address_2" in places or "address_3" in places

    def __call__(self, line: int, row: Sequence[str]) -> SchoolRow | RefusedRow:
        """Return the school of one line, or why there is none. `row` has as many cells as the header."""
        said = {thing: cells.tidy(row[place]) for thing, place in self.places.items()}
        code = uai.normalise(said["uai"])
        if not uai.is_valid(code):
            return RefusedRow(line, "", uai.fault(said["uai"]))
        if not said["name"]:
            return RefusedRow(line, code, "Le nom de l'établissement manque.")
        state = said.get("state")
        if state and fold(state) not in cells.STATES:
            return RefusedRow(line, code, f"État inconnu : « {state} ».")
        school = self._school(line, code, said)
        too_long = next(
            (name for name, longest in LONGEST.items() if len(getattr(school, name) or "") > longest),
            None,
        )
        if too_long is not None:
            return RefusedRow(line, code, f"Texte trop long ({too_long}) : {LONGEST[too_long]} caractères au plus.")
        return school

    def _school(self, line: int, code: str, said: Mapping[str, str]) -> SchoolRow:
        sector, state, kind = said.get("sector"), said.get("state"), said.get("type")
        nursery, elementary = cells.levels(
            said.get("nature_code", ""),
            kind or "",
            nursery=cells.flag(said.get("has_nursery", "")),
            elementary=cells.flag(said.get("has_elementary", "")),
        )
        return SchoolRow(
            line=line,
            uai=code,
            name=said["name"],
            type=kind,
            sector=None if sector is None else cells.sector(sector),
            address=said.get("address"),
            address_extra=cells.extra_address(said.get("address_2", ""), said.get("address_3", ""))
            if self.says_more_address
            else None,
            postal_code=cells.postal_code(said["postal_code"]),
            commune=said["commune"],
            commune_code=cells.commune_code(said["commune_code"]) if "commune_code" in said else None,
            departement=said.get("departement"),
            departement_code=cells.departement_code(said["departement_code"]) if "departement_code" in said else None,
            academie=said.get("academie"),
            region=said.get("region"),
            has_nursery=nursery,
            has_elementary=elementary,
            nature=said.get("nature"),
            phone=cells.phone(said["phone"]) if "phone" in said else None,
            email=cells.email(said["email"]) if "email" in said else None,
            siret=cells.siret(said["siret"]) if "siret" in said else None,
            latitude=cells.degrees(said.get("latitude", ""), 90),
            longitude=cells.degrees(said.get("longitude", ""), 180),
            state=cells.STATES[fold(state)] if state else None,
        )
