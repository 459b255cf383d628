"""Words of column titles in real lists, and how patterns of them match.

`columns` combines them into the patterns of each kind. Words are folded as by `schools.folding.fold`: lower
case, no accents.
"""

from typing import NamedTuple


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
#: First words of a title that are followed by its subject.
_GENERIC = split_words("nom libelle code numero nombre quantite total type liste identifiant denomination")
#: Words that are ambiguous by themselves: « Nom » under « Directeur », « Code » under « Commune ».
AMBIGUOUS_WORDS = _GENERIC | split_words(
    "adresse maternelle elementaire primaire prenom type nature cp ce1 ce2 cm1 cm2 postal quantite mat"
)

#: Words of a title beside « licences » that count something else.
NON_COUNT_WORDS = split_words(
    "prix montant euro date fin debut validite expiration duree type statut etat numero eleve"
)
#: Words of titles below which « oui » and « non » say what a school has.
FLAG_WORDS = split_words(
    """
    maternelle elementaire primaire preelementaire lycee college voie section restauration cantine hebergement
    internat ulis segpa upe2a erea apprentissage greta bac rpi multi public publique prive privee rep prioritaire
    langue qpv siege general generale technologique professionnel professionnelle
    """
)
#: Words of titles about what a school is, where it is, whom to write to, and what is counted there.
DESCRIBING_WORDS = FLAG_WORDS | split_words(
    """
    ecole etablissement pre enseignement degre cycle niveau academie academique rectorat region departement commune
    ville localite village insee code cp postal canton epci intercommunalite agglo agglomeration communaute
    metropole arrondissement quartier bassin zone secteur territoire circonscription inspection ien dsden
    geographique pial reseau education educative appartenance cite militaire agricole metier post art cinema theatre
    sport international europeenne regionale concentre disperse regroupement intercommunal pedagogique mere
    rattachement vacances ministere tutelle uai nom prenom patronyme libelle denomination appellation designation
    principal complementaire civilite sexe genre directeur direction contact referent responsable adresse rue lieu
    dit bp boite complement telephone portable fax mail electronique web internet url lien siren siret finess fiche
    onisep latitude longitude coordonnee coord epsg localisation implantation heure ligne effectif eleve garcon
    fille nombre quantite total capacite population ip ape age enseignant poste rythme horaire parrain montant prix
    euro pays batiment etage qualite bureau distributeur sect regional geographiques internationale classe division
    fonction vacant
    """
)
#: Words that need one of those beside them: « Type » alone may be that of a request.
GENERIC_WORDS = split_words(
    """
    contrat facture commande reference type nature categorie statut etat position titre classement numero
    identifiant id groupe site structure mairie precision annee rentree scolaire date jour ouverture creation
    modification maj formation animation nouvelle
    """
)
#: Words of what is counted: numbers below them are no categories.
COUNTED_WORDS = split_words(
    "licence abonnement cle classe division nombre quantite volume eleve effectif total besoin dotation"
)

#: Words beside which the numbers of a title are those to give: what is counted, for whom, asked for or granted. Any
#: other word is asked about, as no list of words that mean the contrary is ever complete.
PLAIN_WORDS = split_words(
    "licence abonnement classe division cle code acces nombre quantite volume total somme ensemble global general "
    "activation dotation besoin unite piece exemplaire effectif "
    "ecole etablissement structure college groupe elementaire maternelle primaire public enseignant enseignante "
    "professeur prof maitre maitresse directeur direction mairie "
    "cp ce1 ce2 cm1 cm2 tps ps ms gs c1 c2 c3 ulis segpa cycle1 cycle2 cycle3 cycle4 "
    "pep numerique application plateforme logiciel annee annuel annuelle scolaire rentree septembre degre 1er "
    "demande souhait souhaite voeu attribue commande accorde affecte alloue octroye notifie valide prevu previsionnel "
    "propose sollicite estime requis necessaire desire attribution "
    "demander attribuer donner equiper fournir commander prevoir allouer affecter octroyer accorder distribuer livrer "
    "final finale definitif definitive exact chaque tout toute tous "
    "combien vous souhaitez voulez desirez faut il merci indiquer saisir preciser renseigner remplir obligatoire svp "
    "chiffre veuillez information renseignement"
) | (STOP_WORDS - split_words("n no x par en"))
#: The same of classes alone.
PLAIN_CLASS_WORDS = split_words("pedagogique ordinaire concerne participant inscrit engage volontaire")


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


def pattern(*needs: str, allows: str | frozenset[str] | None = None, never: str = "", head: str = "") -> TitlePattern:
    """Return a pattern by words: one of each of `needs`; `allows` beside them, where only these may be."""
    beside = split_words(allows) if isinstance(allows, str) else allows
    needed = tuple(map(split_words, needs))
    return TitlePattern(
        needed, None if beside is None else beside.union(*needed), split_words(never), split_words(head)
    )
