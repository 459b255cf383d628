"""Token scopes. Each endpoint requires one scope per method; no scope includes another."""

from __future__ import annotations

from django.db import models


class TokenScope(models.TextChoices):
    READ = "read", "Lire"
    PORTFOLIO = "portfolio", "Modifier le périmètre"
    ALLOCATE = "allocate", "Attribuer, reprendre, renvoyer"
    IMPORT = "import", "Déposer et appliquer des tableaux"
    WEBHOOKS = "webhooks", "Régler les webhooks"


#: What each scope gives access to, as shown on the form that creates tokens.
SCOPE_DESCRIPTIONS = {
    TokenScope.READ: "établissements, périmètre, lots, attributions, tableaux, messages, membres, "
    "événements, rapport de l'année avec ses prix, reconduction",
    TokenScope.PORTFOLIO: "ajouter des écoles, changer leur contact, en retirer",
    TokenScope.ALLOCATE: "attribuer des licences, les reprendre, renvoyer une clé, relancer, écrire la reconduction",
    TokenScope.IMPORT: "déposer un tableau, l'appliquer, le défaire",
    TokenScope.WEBHOOKS: "dire à quelle adresse les événements sont envoyés, rejouer un envoi",
}
