"""Titles of a list's only column of numbers: those that mean the contrary of giving, those that add, harmless ones."""

#: The number is not what a school is to be given.
CONTRARY = """
Licences à retirer
Licences à reprendre
Licences rendues
Licences restituées
Licences à rendre
Licences restantes
Licences en trop
Licences refusées
Licences annulées
Licences résiliées
Licences retirées
Licences supprimées
Licences perdues
Licences périmées
Licences expirées
Licences inutilisées
Licences non utilisées
Licences non activées
Licences utilisées
Licences activées
Licences consommées
Licences installées
Licences déjà livrées
Licences déjà attribuées
Licences déjà reçues
Licences livrées l'an dernier
Licences de l'an dernier
Licences 2024-2025
Licences 2025-2026
Licences 2024/2025
Licences 2023
Licences en 2025
Anciennes licences
Ancien nb de licences
Licences actuelles
Licences existantes
Licences en place
Licences en stock
Licences disponibles
Licences maximum
Licences max
Nb max de licences
Plafond de licences
Licences minimum
Nb licences (solde)
Solde licences
Solde de licences
Écart licences
Écart de licences
Différence licences
Licences manquantes
Licences non accordées
Licences non retenues
Licences demandées mais refusées
Licences en attente
Licences à confirmer
Licences sous réserve
Licences suspendues
Licences bloquées
Licences à déduire
Licences à décompter
Licences à ne pas donner
Licences payées par l'école
Licences achetées par l'école
Licences hors marché
Licences concurrentes
Licences autre éditeur
Licences Office
Licences Windows
Prix licences
Coût des licences
Montant licences
Licences (€)
Licences HT
Date licences
Durée licences (mois)
Nb de mois de licence
N° de licence
Rang licences
Priorité licences
Taux de licences
% licences utilisées
Licences par élève
Licences d'essai
Licences prêtées
Licences échangées
Licences transférées
Licences cédées
Licences facturées
Licences gelées
Reliquat de licences
Reste licences
Reste à livrer (licences)
Classes fermées
Classes à fermer
Fermetures de classes
Classes supprimées
Classes ouvertes
Ouvertures de classes
Classes maternelles
Classes de maternelle
Nb classes maternelle
Classes ULIS
Classes non équipées
Classes déjà équipées
Classes refusées
Classes sans licence
Classes max
Classes 2024-2025
Nb de classes 2023-2024
Classes de l'an dernier
Classes vides
Classes en moins
Écart classes
Solde classes
Classes de découverte
Classes mobiles
Classes transplantées
Quantité à retirer
Quantité rendue
Quantité retournée
Quantité refusée
Quantité annulée
Quantité restante
Quantité en stock
Quantité déjà livrée
Quantité max
Quantité minimum
Quantité 2025
Quantité facturée
Quantité cassée
Quantité défectueuse
Quantité manquante
Qté à reprendre
Qté reprise
Qté rendue
Qté non livrée
Qté déjà reçue
Écart quantité
Nombre à retirer
Nombre de refus
Nombre restant
Nb rendu
Nb d'annulations
"""

#: The number is added to what a school has.
ADDING = """
Licences supplémentaires
Licences en plus
Licences à ajouter
Licences additionnelles
Licences complémentaires
Complément de licences
Licences en complément
Nb licences suppl.
Rajout licences
Extension licences
Classes supplémentaires
Classes en plus
Classes à ajouter
Quantité supplémentaire
Quantité à ajouter
Qté complémentaire
Qté en plus
Nombre à ajouter
"""

#: The number is what a school is to be given.
GIVING = """
Licences
Licence
LICENCES
licences
Licence(s)
Nb licences
Nb licence
Nb de licences
Nb. licences
Nb. de licences
Nbr licences
Nbre licences
Nbre de licences
Nbe de licences
NB LICENCES
Nombre licences
Nombre de licences
Nombre de licence
Nombre de licence(s)
NOMBRE DE LICENCES
Nombre total de licences
Total licences
Total de licences
Total des licences
Licences (nb)
Licences (nombre)
Licences : nombre
Licences demandées
Nb licences demandées
Nombre de licences demandées
Demande de licences
Demandes de licences
Licences souhaitées
Nombre de licences souhaité
Nombre de licences souhaitées
Licences à attribuer
Licences à donner
Licences à livrer
Licences à commander
Licences à prévoir
Licences attribuées
Licences accordées
Licences validées
Licences retenues
Licences commandées
Licences prévues
Licences nécessaires
Nb de licences nécessaires
Besoin en licences
Besoins en licences
Besoin licences
Dotation en licences
Dotation licences
Dotation
Dotation 2026
Dotation 2026-2027
Licences 2026
Licences 2026-2027
Licences 2026/2027
Nb licences 2026-2027
Nombre de licences 2026-2027
Licences rentrée 2026
Licences année scolaire 2026-2027
Licences pour 2026-2027
Licences Pep's
Nb licences Pep's
Nombre de licences Pep's
Licences numériques
Licences par école
Nombre de licences par école
Nb de licences par établissement
Licences école
Licences élémentaire
Licences CP-CM2
Licences du CP au CM2
Nb de licences classe
Licences classes
Nombre de licences (1 par classe)
Licences (une par classe)
Classes
CLASSES
Nb classes
Nb de classes
Nb. classes
Nbr classes
Nbre classes
Nbre de classes
NB CLASSES
Nombre classes
Nombre de classes
NOMBRE DE CLASSES
Nombre total de classes
Total classes
Total des classes
Classes élémentaires
Classes élém.
Nb classes élémentaires
Nb classes élem
Nb de classes élémentaires
Nombre de classes élémentaires
Nombre de classes en élémentaire
Nb de classes CP-CM2
Nombre de classes du CP au CM2
Nb classes CP à CM2
Classes 2026-2027
Nb classes 2026-2027
Nombre de classes rentrée 2026
Nb de classes à la rentrée 2026
Nb de classes à équiper
Classes à équiper
Classes concernées
Classes participantes
Nombre de classes participantes
Nombre de classes concernées
Quantité
Quantités
QUANTITE
Qté
Qte
QTE
Qté.
Quantité demandée
Quantités demandées
Qté demandée
Quantité souhaitée
Quantité à livrer
Quantité à commander
Quantité commandée
Quantité attribuée
Quantité de licences
Qté licences
Qté de licences
Quantité (licences)
Nombre
Nb
Nbre
"""
