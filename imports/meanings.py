"""What a column may mean, and the titles under which it is met in real lists.

Titles are compared folded: no accents, lower case, words parted by single spaces.
"""

from __future__ import annotations

import re
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

#: For each meaning, tiers of titles, the surest first: a title of a lower tier counts only where none of a higher does.
TITLES: dict[Meaning, tuple[re.Pattern[str], ...]] = {
    Meaning.UAI: (
        re.compile(r"(code |numero |num |no |n |identifiant )?(uai|rne)( (de l )?(ecole|etablissement))?"),
        re.compile(
            r"(numero|num|no|n|code|identifiant|id)( de| d)?( l)? ?(ecole|etablissement|etab|structure)s?"
            r"|.*\b(uai|rne)\b.*"
        ),
    ),
    Meaning.EMAIL: (
        re.compile(
            r"(adresse |adr )?(e ?mail|mail|mel|courriel|courrier electronique|messagerie)s?( electronique)?"
            r"( (de )?(l )?(ecole|etablissement|directeur|directrice|direction|contact|chef d etablissement))?"
            r"|adresse (electronique|internet de messagerie)|boite (mail|aux lettres electronique)"
        ),
        re.compile(r".*\b(e ?mail|mail|mel|courriel|messagerie)s?\b.*|contact"),
    ),
    Meaning.UNITS: (
        re.compile(
            r"(nombre|nb|nbre|qte|quantite|volume|total)?( de| d)? ?(licence|cle|abonnement|code)s?"
            r"( pep ?s)?( demandees?| souhaitees?| a attribuer| attribuees?| commandees?)?"
        ),
        re.compile(r"(quantite|qte|qt|volume|nombre|nb|nbre|effectif de licences)s?( demandee?s?| souhaitee?s?)?"),
    ),
    Meaning.CLASSES: (
        re.compile(
            r"(total |nombre |nb |nbre )?(de |d )?classes?( (de )?(elementaires?|cp au cm2|cp a cm2))?"
            r"( (ouvertes?|total|totales?))?"
        ),
    ),
    Meaning.NAME: (
        re.compile(
            r"(nom|libelle|denomination|appellation|designation)( de| d| usuel)?( l)? ?"
            r"(ecole|etablissement|officielle|principale)?s?( uai)?|ecoles?|etablissements?|colleges?|name"
        ),
    ),
    Meaning.COMMUNE: (re.compile(r"(nom )?(de )?(la )?(commune|ville|localite|city)s?|nom commune|libelle commune"),),
    Meaning.POSTAL_CODE: (re.compile(r"code postal|cp|c p|zip ?code|code postal uai"),),
    Meaning.DEPARTEMENT: (re.compile(r"(code )?(departement|dept|dep|dpt)s?"),),
    Meaning.ADDRESS: (re.compile(r"adresse( (postale|de l (ecole|etablissement)))?|street|rue"),),
    Meaning.KIND: (re.compile(r"(type|nature|niveau)( (de l |d )?(ecole|etablissement))?"),),
    Meaning.CONTACT_NAME: (
        re.compile(r"(nom (du |de la |de l )?)?(directeur|directrice|contact|chef d etablissement)( nom)?"),
    ),
    Meaning.PHONE: (re.compile(r"(numero de |n )?(telephone|tel|portable)"),),
    Meaning.CHOICE: (re.compile(r"votre choix uai"),),
}
_ADDED = frozenset(map(fold, ADDED_TITLES))


def is_added(title: str) -> bool:
    """Tell whether a column is one of those that we add to an annotated workbook."""
    return fold(title) in _ADDED


def tier(title: str, meaning: Meaning) -> int | None:
    """Return how surely a title says this meaning: 0 is the surest, None that it does not."""
    folded = fold(title)
    for number, pattern in enumerate(TITLES[meaning]):
        if pattern.fullmatch(folded):
            return number
    return None


def recognised(title: str) -> set[Meaning]:
    """Return the meanings that a title may say."""
    return {meaning for meaning in Meaning if tier(title, meaning) is not None} if title.strip() else set()
