"""Locate the columns of a file by header: headers changed over the years and columns are optional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schools.exceptions import DirectoryRefused
from schools.folding import fold

#: Field → folded headers, by preference: those of
#: fr-en-annuaire-education from 2016 to 2026 (with and without capitals), then those of
#: fr-en-adresse-et-geolocalisation-etablissements and of its ancestor, DEPP-etab-1D2D.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "uai": ("identifiant de l etablissement", "numero uai", "code etablissement", "uai"),
    "name": ("nom etablissement", "appellation officielle"),
    "type": ("type etablissement",),
    "sector": ("statut public prive", "secteur public prive libe", "secteur public prive"),
    "address": ("adresse 1", "adresse uai", "adresse"),
    "address_2": ("adresse 2", "lieu dit uai", "lieu dit"),
    "address_3": ("adresse 3", "boite postale uai", "boite postale"),
    "postal_code": ("code postal", "code postal uai"),
    "commune": ("nom commune", "libelle commune", "commune", "localite acheminement uai"),
    "commune_code": ("code commune",),
    "departement": ("libelle departement", "departement"),
    "departement_code": ("code departement",),
    "academie": ("libelle academie", "academie"),
    "region": ("libelle region", "region"),
    "has_nursery": ("ecole maternelle",),
    "has_elementary": ("ecole elementaire",),
    "nature": ("libelle nature", "nature uai libe", "nature"),
    "nature_code": ("code nature", "nature uai"),
    "phone": ("telephone",),
    "email": ("mail",),
    "siret": ("siren siret",),
    "latitude": ("latitude",),
    "longitude": ("longitude",),
    "state": ("etat", "etat etablissement libe", "etat etablissement"),
}

#: Required fields; all others are optional.
REQUIRED_FIELDS = ("uai", "name", "postal_code", "commune")


def get_column_name(field: str) -> str:
    """Return the header that the national file has for a field."""
    return HEADERS[field][0].replace(" ", "_")


def locate(header: Sequence[str]) -> dict[str, int]:
    """Return the column index of each field that the file has.

    Raises `DirectoryRefused`, naming the missing columns, where a required one is missing.
    """
    index_by_header: dict[str, int] = {}
    for index, name in enumerate(header):
        index_by_header.setdefault(fold(name), index)
    indexes = {
        field: index_by_header[match]
        for field, names in HEADERS.items()
        if (match := next((name for name in names if name in index_by_header), None)) is not None
    }
    missing = [get_column_name(field) for field in REQUIRED_FIELDS if field not in indexes]
    if missing:
        raise DirectoryRefused(
            "Ce fichier n'est pas un annuaire des établissements : il y manque "
            + ("la colonne " if len(missing) == 1 else "les colonnes ")
            + ", ".join(f"« {name} »" for name in missing)
            + "."
        )
    return indexes
