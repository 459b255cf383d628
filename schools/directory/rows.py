"""Parse the cells of one line into a school, or into the reason for refusing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schools import uai
from schools.directory import cells
from schools.folding import fold
from schools.models import School


class SchoolRow(NamedTuple):
    """The fields of one school; None where the file has no value. In COPY order."""

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
    """A refused line. `uai` is empty where it is invalid."""

    line: int
    uai: str
    reason: str


MAX_LENGTHS = {
    name: length
    for name in SchoolRow._fields[1:]
    if (length := getattr(School._meta.get_field(name), "max_length", None)) is not None  # noqa: SLF001 - documented
}


class RowReader:
    """Parses the lines of a file with the columns at these indexes."""

    def __init__(self, indexes: Mapping[str, int]) -> None:
        self.indexes = indexes
        self.has_extra_address_lines = "address_2" in indexes or "address_3" in indexes

    def __call__(self, line: int, row: Sequence[str]) -> SchoolRow | RefusedRow:
        """Return the school of one line, or why it is refused. `row` has as many cells as the header."""
        values = {field: cells.tidy(row[index]) for field, index in self.indexes.items()}
        code = uai.normalise(values["uai"])
        if not uai.is_valid(code):
            return RefusedRow(line, "", uai.describe_error(values["uai"]))
        if not values["name"]:
            return RefusedRow(line, code, "Le nom de l'établissement manque.")
        state = values.get("state")
        if state and fold(state) not in cells.STATES:
            return RefusedRow(line, code, f"État inconnu : « {state} ».")
        school = self._school(line, code, values)
        too_long = next(
            (name for name, limit in MAX_LENGTHS.items() if len(getattr(school, name) or "") > limit),
            None,
        )
        if too_long is not None:
            return RefusedRow(line, code, f"Texte trop long ({too_long}) : {MAX_LENGTHS[too_long]} caractères au plus.")
        return school

    def _school(self, line: int, code: str, values: Mapping[str, str]) -> SchoolRow:
        sector, state, kind = values.get("sector"), values.get("state"), values.get("type")
        nursery, elementary = cells.infer_levels(
            values.get("nature_code", ""),
            kind or "",
            nursery=cells.parse_flag(values.get("has_nursery", "")),
            elementary=cells.parse_flag(values.get("has_elementary", "")),
        )
        return SchoolRow(
            line=line,
            uai=code,
            name=values["name"],
            type=kind,
            sector=None if sector is None else cells.parse_sector(sector),
            address=values.get("address"),
            address_extra=cells.join_address_lines(values.get("address_2", ""), values.get("address_3", ""))
            if self.has_extra_address_lines
            else None,
            postal_code=cells.parse_postal_code(values["postal_code"]),
            commune=values["commune"],
            commune_code=cells.parse_commune_code(values["commune_code"]) if "commune_code" in values else None,
            departement=values.get("departement"),
            departement_code=cells.parse_departement_code(values["departement_code"])
            if "departement_code" in values
            else None,
            academie=values.get("academie"),
            region=values.get("region"),
            has_nursery=nursery,
            has_elementary=elementary,
            nature=values.get("nature"),
            phone=cells.parse_phone(values["phone"]) if "phone" in values else None,
            email=cells.parse_email(values["email"]) if "email" in values else None,
            siret=cells.parse_siret(values["siret"]) if "siret" in values else None,
            latitude=cells.parse_degrees(values.get("latitude", ""), 90),
            longitude=cells.parse_degrees(values.get("longitude", ""), 180),
            state=cells.STATES[fold(state)] if state else None,
        )
