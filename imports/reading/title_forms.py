"""Which words make a title that says a meaning, the surest first. Data alone: `titles` reads it."""

from __future__ import annotations

from typing import NamedTuple

from imports.meanings import Meaning
from imports.reading.vocabulary import ALIASES, NEVER, words_of

_OTHERS = words_of("annee scolaire rentree merci indiquer saisir pep peps numerique numeriques obligatoire")

_CODE = words_of("code numero identifiant")
_SCHOOL = words_of("ecole etablissement structure college")
_HEAD = words_of("directeur direction chef responsable referent contact principal")
_COUNT = words_of("nombre quantite volume total")
_LEVELS = words_of("cp ce1 ce2 cm1 cm2")
_WANTED = words_of("demande souhaite attribue commande accorde prevu besoin dotation")
_PLACE = words_of("commune ville localite")
_NAME = words_of("nom libelle denomination appellation designation patronyme")
#: They begin a title, and what it is about comes after.
_GENERIC = words_of("nom libelle code numero nombre quantite total type liste identifiant denomination")
_MONEY = words_of(
    "prix montant euro date fin debut validite expiration duree type statut etat numero restant consomme eleve"
)


#: Words that are no hindrance where the meaning itself is said: « Adresse internet de messagerie ».
_HARMLESS = {
    Meaning.EMAIL: words_of("internet site academie web"),
    Meaning.PHONE: words_of("fax telecopie"),
    Meaning.CLASSES: words_of("site date"),
}


class Form(NamedTuple):
    """One way to say a meaning. Each of `needs` is met by a word; no word is outside `allows` or in `never`."""

    needs: tuple[frozenset[str], ...]
    #: None: any word may stand beside.
    allows: frozenset[str] | None = None
    never: frozenset[str] = frozenset()
    #: What the title must be about, its first word that is not generic; empty: anything.
    head: frozenset[str] = frozenset()

    def fits(self, words: tuple[str, ...], present: set[str]) -> bool:
        """Tell whether the words of a title say it."""
        if not all(present & need for need in self.needs) or present & self.never:
            return False
        if self.allows is not None and not present <= self.allows:
            return False
        return not self.head or next((word for word in words if word not in _GENERIC), words[0]) in self.head


def _form(*needs: str, allows: str | frozenset[str] | None = None, never: str = "", head: str = "") -> Form:
    beside = words_of(allows) if isinstance(allows, str) else allows
    wanted = tuple(map(words_of, needs))
    return Form(wanted, None if beside is None else beside.union(*wanted), words_of(never), words_of(head))


_FORMS: dict[Meaning, tuple[Form, ...]] = {
    Meaning.UAI: (
        _form("uai", allows=_CODE | words_of("ecole etablissement structure national")),
        _form("code numero identifiant", "ecole etablissement structure", allows="national"),
        _form("uai", never="choix"),
        _form("identifiant", allows="national unique"),
    ),
    Meaning.EMAIL: (
        _form(
            "mail",
            allows=_HEAD | _SCHOOL | words_of("adresse electronique academique professionnel officiel boite internet")
            | words_of("academie"),
        ),
        _form("adresse courrier boite", "electronique", allows=_HEAD | _SCHOOL | words_of("lettre lettres")),
        _form("mail"),
        _form("contact", allows=_SCHOOL),
    ),
    Meaning.UNITS: (
        _form("licence abonnement", allows=_COUNT | _WANTED | words_of("cle")),
        _form("nombre quantite volume", "cle code", allows=_COUNT | _WANTED | words_of("activation")),
        _form("licence abonnement cle", never=" ".join(_MONEY | words_of("activation code nom mail"))),
        _form("nombre quantite volume dotation besoin", allows=_COUNT | _WANTED),
        _form("demande attribue commande total souhaite", allows=_COUNT | _WANTED),
    ),
    Meaning.CLASSES: (
        _form("classe", "elementaire", allows=_COUNT | _SCHOOL | words_of("ouvert prevu cycle pedagogique") | _LEVELS),
        # « Classes du CP au CM2 »; the CM2's alone are not the school's.
        _form("classe", "cp", "cm2", allows=_COUNT | _SCHOOL | words_of("ouvert prevu") | _LEVELS),
        _form("classe", allows=_COUNT | _SCHOOL | words_of("ouvert prevu primaire")),
        _form("nombre", "classe",
            never="maternelle ulis moyenne niveau dedoublee elementaire par ferme fermee cp ce1 ce2 cm1 cm2"),
    ),
    Meaning.NAME: (
        _form(
            "nom libelle denomination appellation designation patronyme",
            "ecole etablissement college lycee structure",
            allows=_NAME | _SCHOOL | words_of("usuel usage officiel principal complet uai court long public prive")
            | {"scolaire"},
        ),
        _form(
            "ecole etablissement college lycee",
            allows="public prive elementaire maternelle primaire nom scolaire groupe",
        ),
        _form("denomination appellation", allows="officiel principal usuel usage complet"),
        _form("nom patronyme libelle designation", allows="complet usuel usage officiel long court"),
        _form("structure", allows="scolaire"),
        _form(
            "ecole etablissement college groupe",
            never="code numero identifiant adresse telephone mail directeur direction chef contact responsable "
            "referent nombre quantite postal cp departement classe licence uai statut prenom total",
            head="ecole etablissement college groupe nom type",
        ),
    ),
    Meaning.COMMUNE: (
        _form(
            "commune ville localite",
            allows="nom libelle ecole etablissement implantation",
            head="commune ville localite",
        ),
        _form("adresse", "commune ville localite", allows="ecole etablissement nom libelle"),
        _form("acheminement lieu"),
        _form(
            "commune ville localite",
            never="code numero mail adresse telephone contact nombre nom",
            head="commune ville localite",
        ),
    ),
    Meaning.POSTAL_CODE: (
        _form("code", "postal", allows=_PLACE | _SCHOOL | words_of("adresse uai")),
        _form("cp", allows=_PLACE | _SCHOOL | words_of("adresse code")),
        _form("postal", allows="numero"),
    ),
    Meaning.DEPARTEMENT: (
        _form("departement", allows="code nom libelle numero ecole etablissement", head="departement"),
    ),
    Meaning.ADDRESS: (
        _form("adresse rue", allows="postal ecole etablissement ligne numero nom libelle geographique complet"),
        _form("adresse", never="mail electronique internet web site commune ville", head="adresse"),
    ),
    Meaning.KIND: (
        _form("type nature categorie", allows=_SCHOOL | words_of("enseignement libelle niveau")),
        _form("niveau degre cycle", allows=_SCHOOL | words_of("enseignement libelle")),
    ),
    Meaning.CONTACT_NAME: (
        _form("directeur chef contact responsable referent principal",
              allows=_HEAD | words_of("nom prenom etablissement ecole complet civilite")),
        _form("direction", allows="nom prenom ecole etablissement"),
    ),
    Meaning.PHONE: (
        _form("telephone", allows=_HEAD | _SCHOOL | words_of("numero fixe portable standard")),
        _form("portable", allows=_HEAD | _SCHOOL | words_of("numero")),
        _form("telephone", never="mail nom", head="telephone portable contact ecole"),
    ),
    Meaning.CHOICE: (_form("choix", "uai"),),
}  # fmt: skip


def _guarded(meaning: Meaning, form: Form) -> Form:
    # What is about something else says nothing of ours, unless the form itself names that word.
    named = form.allows if form.allows is not None else frozenset().union(*form.needs)
    return form._replace(never=form.never | (NEVER - named - _HARMLESS.get(meaning, frozenset())))


#: For each meaning the ways to say it, the surest first.
FORMS = {meaning: tuple(_guarded(meaning, form) for form in forms) for meaning, forms in _FORMS.items()}

#: Words that by themselves do not say whose they are: « Nom » under « Directeur », « Code » under « Commune ».
WEAK = _GENERIC | words_of(
    "adresse maternelle elementaire primaire prenom type nature cp ce1 ce2 cm1 cm2 postal quantite mat"
)

_OTHERS = words_of(
    "national public prive scolaire groupe chef courrier boite lettre complet usuel usage long court academique "
    "professionnel "
    "activation implantation acheminement lieu geographique ligne enseignement cycle standard fixe moyenne ulis choix "
    "raison social sociale statut etat secteur rattachement centre service numerique classement titre village "
    "label taille veille vie cite note notes reste unite"
)
_ALL = (
    frozenset(ALIASES.values())
    | NEVER
    | _OTHERS
    | frozenset(word for forms in FORMS.values() for form in forms for need in form.needs for word in need)
)
KNOWN = {
    "all": _ALL,
    #: Words that say what is read even below the title of another thing.
    "own": words_of("uai licence abonnement classe quantite commune postal ecole etablissement"),
    #: What a misspelt word may have meant: words long enough to be told from each other.
    "spelt": frozenset(word for word in _ALL | frozenset(ALIASES) if len(word) > 4),  # noqa: PLR2004
}
