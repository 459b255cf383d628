"""Word patterns of titles by meaning, the most certain first. Data only: `column_titles` matches them."""

from __future__ import annotations

from typing import NamedTuple

from imports.meanings import Meaning

# Words of column titles in real lists. Data only: `title_patterns` combines them.
#
# Words are folded as by `schools.folding.fold`: lower case, no accents.


def split_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _aliases(**variants_by_word: str) -> dict[str, str]:
    return {variant: word for word, variants in variants_by_word.items() for variant in (word, *variants.split())}


#: Canonical word by variant.
ALIASES = _aliases(
    uai="rne uais rnes",
    code="cod cde codes",
    numero="n no num nr numeros",
    identifiant="id ident identifiants matricule immatriculation",
    ecole="ec ecl ecoles school schools",
    etablissement="etab etabl etablt etblt etabt etb etbt ets etabs etablissements",
    structure="structures",
    college="colleges clg",
    lycee="lycees",
    nom="noms name intitule",
    libelle="lib libel libelles lbl",
    denomination="denom denominations",
    appellation="appellations",
    designation="designations",
    mail="mel mels mails email emails courriel courriels messagerie messageries",
    electronique="electroniques elec electr",
    adresse="adr adrs adress address adresses",
    rue="street voie rues",
    commune="com comm communes city cne",
    ville="villes town",
    localite="localites loc",
    postal="postale postaux post",
    cp="zip zipcode",
    departement="dept dep dpt depart departements dpts depts",
    telephone="tel tels tph telephones phone telephonique tlf",
    portable="gsm mobile portables mobiles",
    directeur="dir direct directrice directeurs directrices",
    direction="directions",
    responsable="resp responsables",
    referent="referente referents",
    contact="contacts interlocuteur",
    prenom="prenoms",
    licence="lic lics licences license licenses licenc",
    cle="cles",
    abonnement="abo abos abonnements",
    quantite="qte qtes qty qt qtt quantites quantity quant",
    volume="vol volumes",
    nombre="nb nbr nbre nbrs nbs nbres nombres",
    classe="cl cls clas classes",
    elementaire="elem elems elementaires elemen elt",
    maternelle="mat mater maternelles",
    primaire="prim primaires",
    demande="dmde demandes demandee demandees",
    souhaite="souhait souhaits souhaitee souhaites souhaitees",
    attribue="attr attribuer attribution attributions attribuee attribuees attribues",
    commande="commander commandes commandee commandees",
    accorde="accordee accordees accordes affecte affectee affectees",
    prevu="prevue prevus prevues previsionnel previsionnelle",
    besoin="besoins",
    dotation="dotations",
    ouvert="ouverte ouvertes ouverts",
    total="totaux totale totales tot",
    type="types",
    nature="natures",
    niveau="niveaux niv",
    categorie="categories cat",
    degre="degres",
    principal="principale",
    officiel="officielle",
    effectif="eff effectifs",
    eleve="eleves enfant enfants pupils",
    circonscription="circo circonscriptions circ",
    observation="obs observations",
    remarque="rq remarques rem",
    commentaire="comm. commentaires",
    annee="annees year",
    date="dates",
    montant="montants",
    prix="tarif tarifs cout couts",
    academie="academies academ",
    mairie="mairies",
    inspection="inspecteur inspectrice ien iena dsden rectorat",
)

#: Words of columns that are not imported.
UNRELATED_WORDS = split_words(
    "siret siren insee effectif eleve fille garcon annee date fax telecopie circonscription inspection academie region "
    "mairie maire elu prix montant euro ttc ht budget ips latitude longitude coordonnee web internet url observation "
    "remarque commentaire population epci canton syndicat facture facturation paiement finess iban ape age capacite "
    "salle site superviseur collectivite parent"
)
STOP_WORDS = split_words(
    "de du des d la le les l a au aux en pour par et ou un une the of s trice rice ice eur e x sur dans votre vos leur"
)
#: Removed where other words remain: « Licences année 2026 ».
OPTIONAL_WORDS = split_words("annee scolaire rentree merci indiquer saisir pep peps numerique numeriques obligatoire")


_CODE = split_words("code numero identifiant")
_SCHOOL = split_words("ecole etablissement structure college")
_LEADER = split_words("directeur direction chef responsable referent contact principal")
_COUNT = split_words("nombre quantite volume total")
_LEVELS = split_words("cp ce1 ce2 cm1 cm2")
_REQUEST = split_words("demande souhaite attribue commande accorde prevu besoin dotation")
_PLACE = split_words("commune ville localite")
_NAME = split_words("nom libelle denomination appellation designation patronyme")
#: First words of a title that are followed by its subject.
_GENERIC = split_words("nom libelle code numero nombre quantite total type liste identifiant denomination")
#: Words of a title beside « licences » that count something else.
NON_COUNT_WORDS = split_words(
    "prix montant euro date fin debut validite expiration duree type statut etat numero restant consomme eleve"
)


#: Unrelated words that a meaning tolerates: « Adresse internet de messagerie ».
_TOLERATED = {
    Meaning.EMAIL: split_words("internet site academie web"),
    Meaning.PHONE: split_words("fax telecopie"),
    Meaning.CLASSES: split_words("site date"),
}


class TitlePattern(NamedTuple):
    """One pattern of a meaning: a word for each of `needs`, no word outside `allows`, none in `never`."""

    needs: tuple[frozenset[str], ...]
    #: None: any other word.
    allows: frozenset[str] | None = None
    never: frozenset[str] = frozenset()
    #: The title's first word that is not generic; empty: any.
    head: frozenset[str] = frozenset()

    def matches(self, words: tuple[str, ...], present: set[str]) -> bool:
        """Whether the words of a title match."""
        if not all(present & need for need in self.needs) or present & self.never:
            return False
        if self.allows is not None and not present <= self.allows:
            return False
        return not self.head or next((word for word in words if word not in _GENERIC), words[0]) in self.head


def _pattern(*needs: str, allows: str | frozenset[str] | None = None, never: str = "", head: str = "") -> TitlePattern:
    beside = split_words(allows) if isinstance(allows, str) else allows
    needed = tuple(map(split_words, needs))
    return TitlePattern(
        needed, None if beside is None else beside.union(*needed), split_words(never), split_words(head)
    )


_PATTERNS: dict[Meaning, tuple[TitlePattern, ...]] = {
    Meaning.UAI: (
        _pattern("uai", allows=_CODE | split_words("ecole etablissement structure national")),
        _pattern("code numero identifiant", "ecole etablissement structure", allows="national"),
        _pattern("uai", never="choix"),
        _pattern("identifiant", allows="national unique"),
    ),
    Meaning.EMAIL: (
        _pattern(
            "mail",
            allows=_LEADER
            | _SCHOOL
            | split_words("adresse electronique academique professionnel officiel boite internet academie"),
        ),
        _pattern("adresse courrier boite", "electronique", allows=_LEADER | _SCHOOL | split_words("lettre lettres")),
        _pattern("mail"),
        _pattern("contact", allows=_SCHOOL),
    ),
    Meaning.UNITS: (
        _pattern("licence abonnement", allows=_COUNT | _REQUEST | split_words("cle")),
        _pattern("nombre quantite volume", "cle code", allows=_COUNT | _REQUEST | split_words("activation")),
        _pattern("licence abonnement cle", never=" ".join(NON_COUNT_WORDS | split_words("activation code nom mail"))),
        _pattern("nombre quantite volume dotation besoin", allows=_COUNT | _REQUEST),
        _pattern("demande attribue accorde commande total souhaite", allows=_COUNT | _REQUEST),
    ),
    Meaning.CLASSES: (
        _pattern(
            "classe", "elementaire", allows=_COUNT | _SCHOOL | split_words("ouvert prevu cycle pedagogique") | _LEVELS
        ),
        # « Classes du CP au CM2 »; the CM2 alone are not all classes.
        _pattern("classe", "cp", "cm2", allows=_COUNT | _SCHOOL | split_words("ouvert prevu") | _LEVELS),
        _pattern("classe", allows=_COUNT | _SCHOOL | split_words("ouvert prevu primaire")),
        _pattern("nombre", "classe",
            never="maternelle ulis moyenne niveau dedoublee elementaire par ferme fermee cp ce1 ce2 cm1 cm2"),
    ),
    Meaning.NAME: (
        _pattern(
            "nom libelle denomination appellation designation patronyme",
            "ecole etablissement college lycee structure",
            allows=_NAME | _SCHOOL | split_words("usuel usage officiel principal complet uai court long public prive")
            | {"scolaire"},
        ),
        _pattern(
            "ecole etablissement college lycee",
            allows="public prive elementaire maternelle primaire nom scolaire groupe",
        ),
        _pattern("denomination appellation", allows="officiel principal usuel usage complet"),
        _pattern("nom patronyme libelle designation", allows="complet usuel usage officiel long court"),
        _pattern("structure", allows="scolaire"),
        _pattern(
            "ecole etablissement college groupe",
            never="code numero identifiant adresse telephone mail directeur direction chef contact responsable "
            "referent nombre quantite postal cp departement classe licence uai statut prenom total",
            head="ecole etablissement college groupe nom type",
        ),
    ),
    Meaning.COMMUNE: (
        _pattern(
            "commune ville localite",
            allows="nom libelle ecole etablissement implantation",
            head="commune ville localite",
        ),
        _pattern("adresse", "commune ville localite", allows="ecole etablissement nom libelle"),
        _pattern("acheminement lieu"),
        _pattern(
            "commune ville localite",
            never="code numero mail adresse telephone contact nombre nom",
            head="commune ville localite",
        ),
    ),
    Meaning.POSTAL_CODE: (
        _pattern("code", "postal", allows=_PLACE | _SCHOOL | split_words("adresse uai")),
        _pattern("cp", allows=_PLACE | _SCHOOL | split_words("adresse code")),
        _pattern("postal", allows="numero"),
    ),
    Meaning.DEPARTEMENT: (
        _pattern("departement", allows="code nom libelle numero ecole etablissement", head="departement"),
    ),
    Meaning.ADDRESS: (
        _pattern("adresse rue", allows="postal ecole etablissement ligne numero nom libelle geographique complet"),
        _pattern("adresse", never="mail electronique internet web site commune ville", head="adresse"),
    ),
    Meaning.KIND: (
        _pattern("type nature categorie", allows=_SCHOOL | split_words("enseignement libelle niveau")),
        _pattern("niveau degre cycle", allows=_SCHOOL | split_words("enseignement libelle")),
    ),
    Meaning.CONTACT_NAME: (
        _pattern("directeur chef contact responsable referent principal",
              allows=_LEADER | split_words("nom prenom etablissement ecole complet civilite")),
        _pattern("direction", allows="nom prenom ecole etablissement"),
    ),
    Meaning.PHONE: (
        _pattern("telephone", allows=_LEADER | _SCHOOL | split_words("numero fixe portable standard")),
        _pattern("portable", allows=_LEADER | _SCHOOL | split_words("numero")),
        _pattern("telephone", never="mail nom", head="telephone portable contact ecole"),
    ),
    Meaning.CHOICE: (_pattern("choix", "uai"),),
}  # fmt: skip


def _exclude_unrelated(meaning: Meaning, pattern: TitlePattern) -> TitlePattern:
    # An unrelated word excludes a match, unless the pattern itself names it.
    named = pattern.allows if pattern.allows is not None else frozenset().union(*pattern.needs)
    return pattern._replace(never=pattern.never | (UNRELATED_WORDS - named - _TOLERATED.get(meaning, frozenset())))


#: Patterns by meaning, the most certain first.
PATTERNS = {
    meaning: tuple(_exclude_unrelated(meaning, pattern) for pattern in patterns)
    for meaning, patterns in _PATTERNS.items()
}

#: Words that are ambiguous by themselves: « Nom » under « Directeur », « Code » under « Commune ».
AMBIGUOUS_WORDS = _GENERIC | split_words(
    "adresse maternelle elementaire primaire prenom type nature cp ce1 ce2 cm1 cm2 postal quantite mat"
)

_OTHER_WORDS = split_words(
    "national public prive scolaire groupe chef courrier boite lettre complet usuel usage long court academique "
    "professionnel "
    "activation implantation acheminement lieu geographique ligne enseignement cycle standard fixe moyenne ulis choix "
    "raison social sociale statut etat secteur rattachement centre service numerique classement titre village "
    "label taille veille vie cite note notes reste unite"
)
_ALL = (
    frozenset(ALIASES.values())
    | UNRELATED_WORDS
    | _OTHER_WORDS
    | frozenset(
        word for patterns in PATTERNS.values() for pattern in patterns for need in pattern.needs for word in need
    )
)
KNOWN_WORDS = {
    "all": _ALL,
    #: Words that identify a meaning even under an unrelated title.
    "own": split_words("uai licence abonnement classe quantite commune postal ecole etablissement"),
    #: Candidates for correcting a misspelt word: long enough to be distinct.
    "spelt": frozenset(word for word in _ALL | frozenset(ALIASES) if len(word) > 4),  # noqa: PLR2004
}
