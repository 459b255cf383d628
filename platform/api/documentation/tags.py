"""OpenAPI tags: the resources of the API with their descriptions, in the order of the documentation."""

from __future__ import annotations

_DESCRIPTIONS = {
    "Établissements": "L'annuaire national des écoles, collèges et lycées. Il se lit et se cherche ; chaque "
    "établissement s'y retrouve par son UAI.",
    "Périmètre": "Les écoles dont votre collectivité répond, avec le contact à qui écrire. Tenez-en la liste d'après "
    "la vôtre, par UAI.",
    "Lots": "Les licences que votre collectivité a achetées, lot par lot, et où est chacune : libre, non "
    "activée, activée, utilisée par un enseignant.",
    "Attributions": "Ce que chaque école a reçu. Une attribution fait une clé, envoyée par e-mail ; jusqu'à 10 000 "
    "attributions se font en une requête.",
    "Relances": "Ce qui est rappelé de lui-même aux écoles : quand, lot par lot, et les prochaines lettres, qui "
    "s'annulent une à une.",
    "Licences rendues": "Ce qu'une école a activé sans jamais l'utiliser : la collectivité le demande, l'école le rend "
    "ou le garde. Ce qu'elle rend est aussitôt libre dans le lot.",
    "Demandes": "Ce que les écoles demandent à votre collectivité : combien, pour quelle année et pourquoi. Plusieurs "
    "s'acceptent d'un coup, ou se refusent d'une phrase.",
    "Reconduction": "L'année prochaine, école par école : ce qui est proposé d'après l'année qui court, et le nombre "
    "que vous choisissez. La commande et l'attribution se font au bureau.",
    "Tableaux": "Donner d'après un tableau : déposé, lu, vérifié, appliqué, défait, comme au bureau.",
    "Messages": "Les e-mails envoyés aux écoles, et leur état.",
    "Rapport": "Une année scolaire en chiffres, comme la page « Rapport pour le conseil » : licences, prix, écoles, "
    "semaines.",
    "Membres": "Qui travaille dans le bureau, et avec quels rôles.",
    "Événements": "Ce qui s'est passé, dans l'ordre : ce que les webhooks envoient se relit ici.",
    "Webhooks": "Les adresses auxquelles les événements sont envoyés, et chacun des envois.",
}
TAGS = [{"name": name, "description": description} for name, description in _DESCRIPTIONS.items()]
