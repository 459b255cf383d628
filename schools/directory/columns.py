"""Which column of a file holds what: by name, for the names have drifted and the columns come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schools.exceptions import DirectoryRefused
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Each thing we read, and the folded headers under which it is found, the best first: those of
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

#: Without these a row is no school that anybody could find again; everything else may be missing.
NEEDED = ("uai", "name", "postal_code", "commune")


def locate(header: Sequence[str]) -> dict[str, int]:
    """Return, for each thing that the file holds, the number of its column.

    Raises `DirectoryRefused`, naming the columns that are missing, where one of the needed is.
    """
    numbers: dict[str, int] = {}
    for number, name in enumerate(header):
        numbers.setdefault(fold(name), number)
    places = {
        thing: numbers[found]
        for thing, names in HEADERS.items()
        if (found := next((name for name in names if name in numbers), None)) is not None
    }
    missing = [HEADERS[thing][0].replace(" ", "_") for thing in NEEDED if thing not in places]
    if missing:
        raise DirectoryRefused(
            "Ce fichier n'est pas un annuaire des établissements : il y manque "
            + ("la colonne " if len(missing) == 1 else "les colonnes ")
            + ", ".join(f"« {name} »" for name in missing)
            + "."
        )
    return places
