"""Columns beside a number of licences: those that say which rows are meant, remarks, harmless ones.

A line is « title | values of rows that are meant / values of rows that are not »; « - » is an empty cell.
"""

#: How an empty cell is written.
_EMPTY = "-"

#: Columns of few values by which some rows are refused, or wait.
REFUSING = """
Statut | Validé / En attente, Abandon
Statut | Complet / Incomplet
Statut | Actif / Inactif
Statut | Traité / À traiter
Statut dossier | Accepté / Rejeté
Statut de la demande | Acceptée / Refusée, Reportée
État | Validée / Brouillon
État | En cours / Clos
État de la demande | Recevable / Irrecevable
Suite donnée | Favorable / Défavorable
Suite donnée | Accord / Rejet
Suite | Retenue / Sans suite
Suites | À équiper / Classée sans suite
Dossier | Complet / Pièces manquantes
Dossier | Reçu / Non reçu
Dossier | Clôturé, En règle / Annulé
Convention | Signée / Non signée
Convention | Signée / En cours de signature
Convention | Oui / Dénoncée
Convention signée | X / -
Convention signée le | 12/05/2026, 03/06/2026 / -
Retour convention | 12/05/2026, 18/05/2026 / -
Commission du 12/06 | Favorable / Défavorable, Ajourné
Commission du 12/06 | ok / ko
Commission | Avis favorable / Avis défavorable
Avis | Favorable / Réservé
Avis IEN | Favorable / Défavorable
Avis de l'inspection | F / D
Avis DSI | OK / Non conforme
Avis du maire | Oui / Non
Avis de la commission | Retenu / Liste complémentaire
Décision | Attribué / Refusé
Décision | Oui / Non
Décision du CM | Adopté / Ajourné
Décision 2026 | Maintien / Retrait
Arbitrage | Oui / Non
Arbitrage | Retenu / Écarté
Arbitrage élu | V / X
Validation | OK / NOK
Validation | Validé / -
Validé | x / -
Validation DGA | Oui / À revoir
Visa | Visé / -
Bon pour accord | BPA / -
✓ | ✓ / -
✓ | ✓ / ✗
OK ? | ok / ko
Ok | 1 / 0
Go / No go | Go / No go
Retenu | oui / non
Retenue | x / -
Retenu (O/N) | O / N
Choix | 1 / 0
Choix final | A / R
Sélection | Oui / Non
Pris en compte | Oui / Non
À prendre | x / -
À faire | x / fait
À livrer | oui / non
À équiper | OUI / NON
À servir | Oui / Plus tard
Livrer | O / N
Participe | oui / non
Participation 2026 | oui / ne participe plus
Participe au projet | oui / non
Participant ? | Oui / Désisté
Engagement | Confirmé / Retiré
Engagée | oui / non
Adhésion | Adhérent / Non adhérent
Adhésion | Renouvelée / Résiliée
Volontaire | Oui / Non
Intérêt | Intéressé / Pas intéressé
Intéressée | oui / non, ne se prononce pas
Réponse | Oui / Non
Réponse | Positive / Négative, Sans réponse
Réponse école | d'accord / pas d'accord
Réponse du directeur | Oui / Non merci
Retour | Favorable / Décline
Retour école | OK / Refus
Souhait | Oui / Non
Souhaite continuer | Oui / Non
Renouvellement | Oui / Non
Renouvelle | O / N
Poursuite | Poursuit / Arrête
Reconduction | Reconduit / Non reconduit
Reconduction 2026-2027 | Oui / Non
2026 | oui / non
2026 | X / -
2026-2027 | Oui / Non
Rentrée 2026 | Maintenue / Fermeture
Rentrée 2026 | Ouverte / Fermée
Campagne 2026 | In / Out
Phase | Phase 1 / Phase 2, Phase 3
Vague | 1 / 2
Vague | Vague 1 - 2026 / Vague 2 - 2027
Lot | Ferme / Optionnel
Tranche | Ferme / Conditionnelle
Priorité | 1, 2 / Hors priorité
Classement | Liste principale / Liste d'attente
Liste | LP / LC
Éligibilité | Éligible / Non éligible
Éligible | oui / non
Critères | Remplis / Non remplis
Financement | Accordé / Refusé
Financement | Acquis / En attente de vote
Budget | Voté / Non voté
Paiement | Reçu / Impayé
Facture | Réglée / Annulée
Commande | Confirmée / Annulée
Commande | Passée / Suspendue
Bon de commande | Émis / Annulé
Situation | Ouverte / Fermée
Situation | En service / Fermeture 31/08
Situation 2026 | Maintien / Fusion
Fermeture | - / 31/08/2026
Fermeture | - / oui
Exclue | - / x
Annulé | - / Annulé
Désistement | - / oui
Refus | - / x
À exclure | non / oui
En attente | - / x
Doublon | - / doublon
Hors périmètre | non / oui
Ne pas livrer | - / X
Suspendu | Non / Oui
Transmis | Oui / Non
Envoi | À envoyer / Ne pas envoyer
Action | Attribuer / Supprimer
Action | Créer / Clôturer
Mouvement | Entrée / Sortie
Traitement | Faire / Ignorer
Code suite | A / R
Feu vert | vert / rouge
Feu | Vert / Rouge, Orange
Contrôle | OK / KO
Vérif. | bon / pas bon
Vu | vu / -
Concerné | Oui / Non
Concernée par l'offre | oui / déjà équipée
Équipée | non / déjà équipée
Prévision | Certain / Incertain
Note de suivi | RAS / abandon
Colonne1 | oui / non
- | oui / non
- | x / -
"""

#: The same, and remarks in columns of another subject: their cells are of a known form, but for the remark.
REFUSING_FURTHER = """
Téléphone | 04 66 11 22 33, 04 66 11 22 44, 04 66 11 22 55 / refuse d'être appelé
Téléphone | 04 66 11 22 33, 04 66 11 22 44, 04 66 11 22 55 / Ne plus joindre cette école
Tél. école | 04 66 11 22 33, 04 66 11 22 44 / ligne coupée école vide
Adresse | 12 rue des Lilas, 3 place du Marché, Le Bourg / école désaffectée
Adresse | 12 rue des Lilas, 3 place du Marché / bâtiment vendu à un privé
Adresse | 12 rue des Lilas, 3 place du Marché / déménagement prévu attendre 2027
Adresse postale | 12 rue des Lilas, 3 place du Marché / n'existe plus
Directeur | Mme Pons, M. Vidal, Mme Roche / contre le projet
Directrice | Mme Pons, Mme Roche / a démissionné et le projet s'arrête
Directeur | PONS Anne, VIDAL Jean / ne répond jamais
Nom du directeur | Pons, Vidal, Roche / pas d'équipe cette année
Référent numérique | Mme Astruc, M. Vidalin / plus personne ils laissent tomber
Contact | Mme Astruc, M. Vidalin / a dit qu'ils arrêtaient
Code postal | 30100, 30200 / à rayer de la liste
Effectif | 120, 85, 97 / site vidé de ses élèves
Élèves | 120, 95, 143 / fusionnée avec Pasteur
Circonscription | Nîmes 1, Nîmes 2 / n'est plus rattachée à nous
Secteur | Nord, Sud / laissée de côté par le maire
Quartier | Centre, La Plaine / école rasée en mai
IEN | Mme Roumégas, M. Coste / a mis son veto
Pertinence | Haute / Nulle
Verdict | Va / Stop
Sort | Gardée / Jetée
Tri du maire | On prend / On laisse
Arrivage | Dans le carton / Pas dans le carton
Signature | Faite / Absente
Preuve d'achat | Fournie / Introuvable
Litige | - / X
Bloquée | Non / Oui
Contentieux | non / oui
Sans budget | - / x
Inéligible | 0 / 1
"""

#: Columns of few values that say nothing of who is meant.
HARMLESS = """
Circonscription | Val-Nord, Val-Sud, Plaine
Circonscription IEN | Nîmes 1, Nîmes 2, Bagnols
IEN | Circo 1, Circo 2
Type | Élémentaire, Primaire
Type d'école | École élémentaire, École primaire
Type d'établissement | Ecole
Nature | École élémentaire, École de niveau élémentaire
Nature UAI | ECOLE DE NIVEAU ELEMENTAIRE, ECOLE ELEMENTAIRE D'APPLICATION
Code nature | 151, 153
Secteur | Public, Privé
Secteur | Nord, Sud, Centre
Secteur public/privé | PU, PR
Statut public/privé | Public, Privé
Public / Privé | Public, Privé sous contrat
Secteur géographique | Est, Ouest
Quartier | Les Tilleuls, Centre, La Plaine
Territoire | Rive gauche, Rive droite
Zone | A, B
Zone géographique | Urbain, Rural
Canton | Canton 1, Canton 2, Canton 3
Arrondissement | 1er, 2e, 3e
Bassin | Bassin Est, Bassin Ouest
Bassin de formation | Nord, Sud
Académie | Montpellier
Académie | Créteil, Versailles
Région | Occitanie
Département | Gard, Hérault
Code département | 030, 034
Intercommunalité | CA du Val, CC des Monts
EPCI | CC du Pays d'Orle, CA du Grand Val
Communauté de communes | Pays d'Orle, Val de Thève
REP | REP, REP+, Hors REP
REP | -, REP
Éducation prioritaire | Hors EP, REP, REP+
Appartenance EP | HEP, REP
EP 2026 | REP+, -
Réseau | Réseau Jean-Moulin, Réseau Pasteur
Collège de secteur | Collège Jean-Moulin, Collège Pasteur
PIAL | PIAL Nord, PIAL Sud
Civilité | Mme, M.
Civilité du directeur | Madame, Monsieur
Fonction | Directrice, Directeur
Qualité | Directrice, Directeur, Chargé d'école
Année scolaire | 2026-2027
Année | 2026
Rentrée | 2026
Produit | Pep's
Logiciel | Pep's école
Niveau | CP-CM2
Niveaux | CP au CM2, CE1 au CM2
Cycle | Cycle 2, Cycle 3
Unité | licence
Pays | France
Tutelle | Éducation nationale
Contrat établissement | Contrat d'association
Ministère de tutelle | MINISTERE DE L'EDUCATION NATIONALE
Jour de décharge | lundi, mardi, jeudi
Horaires | 8h30-16h30, 8h45-16h45
Semaine | 4 jours, 4,5 jours
Référent numérique | Mme Astruc, M. Vidalin
ERUN | Mme Roumégas, M. Coste
Conseiller pédagogique | Mme Estève, M. Barral
Bureau distributeur | NIMES, ALES
Commune de rattachement | Le Bourg-Neuf, Orvaux
Type de voie | rue, avenue, place
Étage | RDC, 1er
RPI | RPI des Monts, -
Groupe scolaire | GS du Moulin, GS Pasteur
"""

#: Columns of numbers between two others that are not what is to be given.
HARMLESS_NUMBERS = """
Élèves | 60 à 240
Nb élèves | 60 à 240
Nb d'élèves | 60 à 240
Nombre d'élèves | 60 à 240
Effectif | 60 à 240
Effectifs | 60 à 240
Effectif total | 60 à 240
Effectif prévisionnel | 60 à 240
Effectifs 2026-2027 | 60 à 240
Total élèves | 60 à 240
Nb enseignants | 3 à 14
Nombre d'enseignants | 3 à 14
Code postal | 30100 à 30900
CP | 30100 à 30900
Code INSEE | 30001 à 30350
Code commune | 30001 à 30350
N° | 1 à 400
Num | 1 à 400
N° d'ordre | 1 à 400
Id | 1000 à 9000
Identifiant interne | 1000 à 9000
Code site | 100 à 999
Code gestionnaire | 100 à 999
N° de voie | 1 à 90
Téléphone | 466000000 à 466999999
Tél. | 466000000 à 466999999
SIRET | 21300000000000 à 21309999999999
Population | 300 à 9000
IPS | 80 à 130
Nb ordinateurs | 4 à 30
Nb de postes | 4 à 30
Nb de tablettes | 4 à 30
Nb de TNI | 1 à 9
Nb de VPI | 1 à 9
Nb de salles | 3 à 15
Distance (km) | 2 à 40
Surface (m²) | 300 à 2000
Année de construction | 1950 à 2015
Montant | 120 à 480
Coût total (€) | 120 à 480
"""

#: Remarks that set their row apart, in a column of which the other cells are empty.
SETTING_APART = """
Observations | école fermée au 31/08
Observations | fermeture à la rentrée
Observations | pas cette année
Observations | ne pas livrer
Observations | ne pas donner avant accord de la mairie
Observations | voir avec M. Roumestan avant envoi
Observations | à voir avec Mme Estrabaud
Observations | attendre le retour de Mme Coulondre
Observations | en attente de la réponse du conseil d'école
Observations | l'école ne souhaite pas participer
Observations | la directrice a refusé
Observations | refus du conseil des maîtres
Observations | annulé par téléphone le 12/06
Observations | doublon, voir ligne du dessus
Observations | déjà servie par le département
Observations | a déjà ses licences par la circonscription
Observations | fusionne avec la maternelle en septembre
Observations | regroupée avec l'école voisine, ne plus compter
Observations | transférée à la communauté de communes
Observations | n'est plus de notre ressort
Observations | hors commune
Observations | convention non signée
Observations | dossier incomplet, relancer
Observations | à supprimer
Observations | à retirer de la liste
Observations | reporté à 2027
Observations | seulement si le budget le permet
Observations | sous réserve du vote du budget
Observations | pas d'ordinateurs, reporter
Observations | travaux jusqu'en janvier, ne rien envoyer
Observations | suspendu
Observations | abandon
Remarques | plus d'élèves à la rentrée
Remarques | a quitté le dispositif
Remarques | se désiste
Remarques | erreur, ce n'est pas une école
Remarques | pas concernée
Remarques | liste d'attente
Remarques | à confirmer par M. Fabrègue
Remarques | NON !!
Remarques | stop
Commentaire | sans suite
Commentaire | attention : école close
Commentaire | la mairie ne finance pas celle-ci
Commentaire mairie | dossier refusé en commission
Commentaires | à exclure (décision de Mme Valmalette)
Divers | ne compte plus
Notes | pas de licence cette fois
- | à ne pas servir
- | fermée
- | plus tard
Remarque du service | en litige, bloquer
Observations | dossier caduc
Observations | mise en sommeil par la commune
Observations | ont leur propre outil
Observations | à oublier
Observations | on passe leur tour
Mot du maire | zéro besoin
Mot du maire | l'équipe n'en veut pas
- | bascule chez le voisin
Fax | débranché, tout est vide ici
Site web | site éteint depuis le départ des élèves
"""

#: Notes on the cell of a school's name or number that set its row apart.
CELL_NOTES = """
école fermée au 31/08
pas cette année
ne pas livrer
voir avec M. Sauvezon avant de donner
attendre l'accord de Mme Teissèdre
doublon avec la ligne 3
refusé en commission
à supprimer
"""


def split_columns(table: str) -> list[tuple[str, str]]:
    """Return the titles with their values of a table of columns, "" for a column without a title."""
    pairs = (line.partition(" | ") for line in table.strip().splitlines())
    return [(_read_cell(title), values) for title, _, values in pairs]


def split_cells(values: str) -> list[str]:
    """Return the values of a column as cells."""
    return [_read_cell(value) for value in values.split(", ")]


def _read_cell(text: str) -> str:
    return "" if text == _EMPTY else text
