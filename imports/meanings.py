"""What a column may mean. By which titles it is known, `vocabulary` says."""

from __future__ import annotations

from enum import StrEnum

from schools.folding import fold


class Meaning(StrEnum):
    """What a column holds."""

    UAI = "uai"
    EMAIL = "email"
    UNITS = "units"
    CLASSES = "classes"
    #: What follows helps to find the school, and to tell that a UAI is another's.
    NAME = "name"
    COMMUNE = "commune"
    POSTAL_CODE = "postal_code"
    DEPARTEMENT = "departement"
    ADDRESS = "address"
    KIND = "kind"
    #: What follows goes into the remit.
    CONTACT_NAME = "contact_name"
    PHONE = "phone"
    #: The school that the officer chose in a column of our own, in an annotated workbook.
    CHOICE = "choice"


#: The hidden sheet of our own workbooks that holds the lists to choose from: never a table.
OWN_SHEET = "Pep_listes"

#: The titles of the columns that an annotated workbook has besides its own: what is wrong, the schools that may be
#: meant, and the one that the officer chooses. Only the last is ever read.
ADDED_TITLES = ("Ce qui ne va pas", "Propositions", "Votre choix (UAI)")

LABELS = {
    Meaning.UAI: "UAI de l'école",
    Meaning.EMAIL: "Adresse e-mail",
    Meaning.UNITS: "Nombre de licences",
    Meaning.CLASSES: "Nombre de classes",
    Meaning.NAME: "Nom de l'école",
    Meaning.COMMUNE: "Commune",
    Meaning.POSTAL_CODE: "Code postal",
    Meaning.DEPARTEMENT: "Département",
    Meaning.ADDRESS: "Adresse de l'école",
    Meaning.KIND: "Type d'établissement",
    Meaning.CONTACT_NAME: "Nom du contact",
    Meaning.PHONE: "Téléphone",
    Meaning.CHOICE: "Votre choix (UAI)",
}

_ADDED = frozenset(map(fold, ADDED_TITLES))


def is_added(title: str) -> bool:
    """Tell whether a column is one of those that we add to an annotated workbook."""
    return fold(title) in _ADDED
