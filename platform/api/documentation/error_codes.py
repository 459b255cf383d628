"""Catalogue of the API's error codes, for the documentation page that `type` links to.

Texts only: the codes are raised where the rules are. A test collects the codes that the source can raise and fails if
one is missing here.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.text import slugify


@dataclass(frozen=True, slots=True)
class Error:
    """One error code. `status`: empty for codes found in `errors` and for rules, whose family states it."""

    code: str
    status: str
    meaning: str
    fix: str


@dataclass(frozen=True, slots=True)
class ErrorFamily:
    """Error codes of one topic."""

    title: str
    description: str
    errors: tuple[Error, ...]

    @property
    def anchor(self) -> str:
        """Return the HTML id of the family. No error code has a hyphen, so ids cannot collide."""
        return f"famille-{slugify(self.title)}"


_ASK_A_MANAGER = "Demandez un autre jeton à un gestionnaire du bureau (« API »)."
_READ_THE_OPERATION = "Comparez la requête à la page de l'opération, puis corrigez."

TOKENS = ErrorFamily(
    "Le jeton",
    "La requête n'a pas été examinée.",
    (
        Error("not_authenticated", "401", "La requête ne montre pas de jeton.",
              "Envoyez l'en-tête `Authorization: Bearer …`."),
        Error("invalid_token", "401", "Ce jeton n'est pas de ce bureau : mal copié, ou fait pour un autre.",
              "Vérifiez l'adresse du bureau et le jeton, en entier : il commence par `peps_api_`."),
        Error("token_revoked", "401", "Un gestionnaire a révoqué ce jeton.", _ASK_A_MANAGER),
        Error("token_expired", "401", "Le dernier jour du jeton est passé.", _ASK_A_MANAGER),
        Error("insufficient_scope", "403", "Le jeton n'a pas le droit que l'opération demande ; `detail` le nomme.",
              "Demandez un jeton qui a ce droit : ceux d'un jeton ne changent pas."),
        Error("network_not_allowed", "403", "Le jeton ne sert pas depuis cette adresse réseau.",
              "Appelez depuis un réseau autorisé, ou demandez un jeton pour celui-ci."),
        Error("permission_denied", "403", "Le jeton ne permet pas cela.", "Lisez `detail`."),
    ),
)  # fmt: skip

REQUESTS = ErrorFamily(
    "La requête",
    "La requête n'a pas pu être comprise, ou n'a pas lieu d'être. Rien n'a été fait, sauf peut-être après une panne "
    "(500 et 503).",
    (
        Error("invalid_request", "400", "Un champ ou un paramètre ne convient pas : `errors` les nomme tous.",
              "Corrigez chacun ; son code est expliqué plus bas, sous « Champs et paramètres »."),
        Error("parse_error", "400", "Le corps n'est pas du JSON lisible : mal formé, pas en UTF-8, un nom y vient "
              "deux fois, ou plus de 32 niveaux y sont l'un dans l'autre.", "Envoyez du JSON (RFC 8259) en UTF-8."),
        Error("not_found", "404", "Rien à cette adresse, ou rien que votre collectivité puisse lire.",
              "Vérifiez l'adresse ; aucune ne finit par une barre oblique."),
        Error("invalid_cursor", "404", "Il n'y a pas de page à ce `cursor` : il n'est pas de ceux que `next` donne.",
              "Suivez l'adresse `next` telle quelle."),
        Error("method_not_allowed", "405", "L'adresse ne répond pas à cette méthode.",
              "L'en-tête `Allow` dit auxquelles elle répond."),
        Error("not_acceptable", "406", "L'API répond en JSON, que l'en-tête `Accept` exclut.",
              "Acceptez `application/json`."),
        Error("body_too_large", "413", "La requête dépasse la taille qui est lue.", "Partagez-la en plusieurs."),
        Error("unsupported_media_type", "415", "L'adresse ne lit pas ce type de contenu.",
              "Envoyez celui que la page de l'opération nomme, dans `Content-Type`."),
        Error("too_many_requests", "429", "Trop de requêtes dans la minute, ou trop de jetons faux depuis ce réseau.",
              "Attendez le nombre de secondes de `Retry-After`, puis recommencez."),
        Error("internal_error", "500", "Une panne de notre fait ; `detail` dit si la requête est peut-être faite.",
              "Renvoyez la requête avec la même `Idempotency-Key` ; si cela dure, prévenez-nous."),
        Error("service_unavailable", "503", "La base de données ne répond pas ; `detail` dit si la requête est "
              "peut-être faite.",
              "Attendez le nombre de secondes de `Retry-After`, puis renvoyez la requête avec la même "
              "`Idempotency-Key` ; sans elle, vérifiez avant de recommencer."),
    ),
)  # fmt: skip

IDEMPOTENCY = ErrorFamily(
    "Les clés d'idempotence",
    "Voyez [Recommencer sans rien faire deux fois](/api/v1/documentation/#idempotence).",
    (
        Error("invalid_idempotency_key", "400", "`Idempotency-Key` compte 1 à 255 caractères ASCII imprimables, sans "
              "espace.", "Un UUID convient."),
        Error("request_in_progress", "409", "Une requête de même clé est en cours.",
              "Attendez le nombre de secondes de `Retry-After`, puis renvoyez-la : vous aurez sa réponse."),
        Error("idempotency_key_reused", "422", "Cette clé a servi à une autre requête.",
              "Prenez une valeur neuve pour chaque opération."),
        Error("response_unavailable", "409", "La requête a été faite, mais sa réponse ne peut plus être relue.",
              "Lisez la situation avant de continuer ; ne la renvoyez pas sous une autre clé."),
    ),
)  # fmt: skip

FIELDS = ErrorFamily(
    "Champs et paramètres",
    "Ces codes se lisent dans `errors`, sous un `invalid_request` : chacun avec son champ, et sa ligne dans une liste.",
    (
        Error("unknown_field", "", "Le champ n'existe pas.", "Corrigez son nom : un champ inconnu n'est pas ignoré."),
        Error("unknown_parameter", "", "Le paramètre n'existe pas à cette adresse.",
              "Corrigez son nom : un paramètre inconnu n'est pas ignoré."),
        Error("invalid_limit", "", "`limit` est un nombre de 1 à 500.", "Envoyez-en un, ou aucun."),
        Error("duplicate_parameter", "", "Le paramètre est donné deux fois.", "Donnez-le une fois."),
        Error("required", "", "Le champ est obligatoire et manque.", "Envoyez-le."),
        Error("null", "", "Le champ ne peut pas être `null`.", "Envoyez une valeur, ou omettez-le s'il se peut."),
        Error("blank", "", "Le champ ne peut pas être vide.", "Envoyez un texte."),
        Error("invalid", "", "La valeur n'est pas de la forme attendue.", _READ_THE_OPERATION),
        Error("invalid_choice", "", "La valeur n'est pas de celles qui sont permises.", _READ_THE_OPERATION),
        Error("invalid_list", "", "Une liste de valeurs est attendue.", _READ_THE_OPERATION),
        Error("not_a_list", "", "Une liste est attendue.", _READ_THE_OPERATION),
        Error("not_a_dict", "", "Un objet est attendu.", _READ_THE_OPERATION),
        Error("empty", "", "Le paramètre, la liste ou le fichier est vide.", "Envoyez une valeur, ou rien."),
        Error("min_length", "", "Trop court, ou trop peu d'éléments.", _READ_THE_OPERATION),
        Error("max_length", "", "Trop long, ou trop d'éléments.", _READ_THE_OPERATION),
        Error("min_value", "", "Le nombre est trop petit.", _READ_THE_OPERATION),
        Error("max_value", "", "Le nombre est trop grand.", _READ_THE_OPERATION),
        Error("max_string_length", "", "Le nombre est écrit trop long.", _READ_THE_OPERATION),
        Error("date", "", "Un jour est attendu, et non un moment.", "Écrivez-le `2027-08-31`."),
        Error("datetime", "", "Un moment est attendu, et non un jour.", "Écrivez-le `2026-11-25T09:00:00Z`."),
        Error("make_aware", "", "Ce moment n'existe pas dans son fuseau.", "Écrivez-le en UTC, avec `Z`."),
        Error("overflow", "", "Ce moment est hors de ce qui se calcule.", "Vérifiez l'année."),
        Error("invalid_uai", "", "Le texte n'est pas un UAI.", "Envoyez sept chiffres et une lettre majuscule."),
        Error("address", "", "Une adresse web complète est attendue, sans espace ni accent.",
              "Écrivez-la comme `https://si.ville.example/peps`."),
        Error("no_name", "", "Le fichier n'a pas de nom.", "Donnez-lui en un, avec son extension."),
        Error("null_characters_not_allowed", "", "Le texte contient un caractère nul.", "Retirez-le."),
        Error("surrogate_characters_not_allowed", "", "Le texte contient la moitié d'un caractère.",
              "Envoyez de l'UTF-8 valable."),
    ),
)  # fmt: skip

_RULE = "La requête était juste, une règle s'y oppose : rien n'a été fait. Le statut est 409, ou 404 pour une absence."

LICENCES = ErrorFamily(
    "Lots et attributions",
    _RULE,
    (
        Error("unknown_pool", "", "Aucun lot de votre collectivité ne porte ce numéro.", "Lisez la liste des lots."),
        Error("pool_exhausted", "", "Le lot n'a pas assez de licences libres ; `detail` dit combien il en reste.",
              "Demandez moins, choisissez un autre lot, ou achetez des licences."),
        Error("pool_suspended", "", "Le lot attend le bon de commande signé ou le règlement de sa commande.",
              "Régularisez la commande : le lot reprend de lui-même."),
        Error("pool_closed", "", "Le dernier jour du lot est passé, ou sa commande a été annulée.",
              "Choisissez un lot de l'année scolaire en cours."),
        Error("unknown_school", "", "Aucun établissement de l'annuaire ne porte cet UAI.",
              "Cherchez l'établissement dans l'annuaire."),
        Error("school_closed", "", "L'annuaire dit cet établissement fermé.",
              "Vérifiez l'UAI : l'école en a peut-être un nouveau."),
        Error("duplicate_school", "", "Le même établissement vient deux fois dans la requête.",
              "Envoyez chacun une fois, avec le nombre voulu."),
        Error("rows_rejected", "", "Des lignes d'une liste « tout ou rien » sont refusées : `errors` nomme chacune.",
              "Corrigez-les et renvoyez la liste ; pour des attributions, vous pouvez demander `best_effort`."),
        Error("recipient_missing", "", "Ni contact dans le périmètre, ni adresse officielle dans l'annuaire.",
              "Envoyez `recipient`, ou donnez un contact à l'école dans le périmètre."),
        Error("invalid_recipient", "", "L'adresse e-mail manque, ou n'en est pas une.", "Corrigez-la."),
        Error("recipient_refused", "", "Un serveur a refusé cette adresse : rien ne lui est écrit sans votre accord.",
              "Donnez une autre adresse ; si celle-ci est bonne, écrivez quand même depuis la page du message."),
        Error("invalid_units", "", "Le nombre de licences ne convient pas.", "Envoyez un nombre entier, au moins 1."),
        Error("would_reduce", "", "L'école a déjà davantage que le nombre demandé, qui est un total.",
              "Demandez au moins ce qu'elle a, ou réduisez l'attribution."),
        Error("invalid_send_date", "", "Le jour de l'envoi est passé, ou vient après le dernier jour du lot.",
              "Choisissez aujourd'hui, ou un jour à venir jusqu'à la fin du lot."),
        Error("unknown_allocation", "", "Aucune attribution de votre collectivité ne porte ce numéro.",
              "Lisez la liste des attributions."),
        Error("already_redeemed", "", "La clé est activée : ses licences sont à l'école jusqu'à la fin de l'année.",
              "Il n'y a rien à faire."),
        Error("already_revoked", "", "L'attribution est déjà reprise.", "Il n'y a rien à faire."),
        Error("restoration_too_late", "", "La reprise a plus d'une heure, ou l'école en est prévenue.",
              "Attribuez de nouveau : l'école aura une autre clé."),
        Error("school_served_again", "", "L'école a reçu depuis la reprise une autre clé du même lot.",
              "Ajoutez-lui des licences : sa clé les portera."),
        Error("not_yet_sent", "", "Aucun e-mail n'est encore arrivé : il n'y a rien à rappeler.",
              "Vérifiez l'adresse, puis renvoyez la clé."),
        Error("reminded_today", "", "L'école a déjà été relancée aujourd'hui.", "Attendez demain."),
        Error("written_this_week", "", "Une relance est déjà partie cette semaine pour l'école, d'où qu'elle vienne.",
              "Attendez lundi ; pour une seule attribution, vous pouvez envoyer `anyway`."),
        Error("unknown_reminder", "", "La relance n'est plus prévue.", "Relisez la liste des relances."),
        Error("reminder_already_sent", "", "La relance est partie.", "Il n'y a rien à faire."),
        Error("not_redeemed", "", "La clé n'est pas activée : il n'y a rien à demander à l'école.",
              "Réduisez ou reprenez l'attribution."),
        Error("nothing_unused", "", "Chaque licence de la clé est utilisée, réservée, ou garde une classe.",
              "Il n'y a rien à demander."),
        Error("more_than_unused", "", "C'est plus que ce qui ne sert pas ; `detail` dit combien.",
              "Demandez moins, ou omettez `units`."),
        Error("return_already_requested", "", "Une demande attend déjà la réponse de l'école.",
              "Attendez-la, ou retirez la demande."),
        Error("return_requested_lately", "", "L'école a été sollicitée il y a moins de 60 jours.",
              "Attendez, ou envoyez `again`."),
        Error("return_request_ended", "", "L'école a déjà répondu à la demande.", "Il n'y a plus rien à retirer."),
    ),
)  # fmt: skip

SCHOOL_REQUESTS = ErrorFamily(
    "Demandes",
    _RULE,
    (
        Error("unknown_request", "", "Une demande n'existe pas à votre collectivité, ou figure deux fois.",
              "Lisez la liste des demandes, et envoyez chacune une fois."),
        Error("request_answered", "", "Une demande a déjà sa réponse, ou l'école l'a retirée : `detail` dit laquelle.",
              "Lisez de nouveau les demandes en attente."),
        Error("pool_of_another_year", "", "Le lot n'est pas de l'année scolaire demandée.",
              "Choisissez un lot de cette année-là."),
        Error("invalid_reason", "", "La phrase du refus est vide, trop longue, ou porte une adresse.",
              "Corrigez-la comme `detail` le dit."),
    ),
)  # fmt: skip

RENEWAL = ErrorFamily(
    "Reconduction",
    _RULE,
    (
        Error("renewal_changed", "", "La liste a changé depuis que vous l'avez lue.",
              "Lisez-la de nouveau, et renvoyez sa `version`."),
        Error("renewal_not_open", "", "La reconduction n'est pas ouverte : elle l'est du 1er avril au 31 août.",
              "Attendez le jour que `opens_on` donne."),
        Error("wrong_renewal_state", "", "Un devis tient le prix de la liste, ou elle est attribuée, ou sans suite.",
              "Lisez son état ; au bureau, abandonnez le devis ou rouvrez-la."),
        Error("invalid_renewal_line", "", "Une école n'est pas de la liste, est fermée, ou figure deux fois.",
              "Corrigez celle que `detail` nomme."),
    ),
)  # fmt: skip

PORTFOLIO = ErrorFamily(
    "Périmètre",
    _RULE,
    (
        Error("not_in_portfolio", "", "L'établissement n'est pas dans votre périmètre.", "Ajoutez-le d'abord."),
        Error("invalid_contact", "", "L'adresse du contact n'en est pas une, ou le nombre de classes surprend.",
              "Corrigez ce que `detail` nomme."),
    ),
)  # fmt: skip

IMPORTS = ErrorFamily(
    "Tableaux",
    _RULE,
    (
        Error("unknown_import", "", "Aucun tableau de votre collectivité ne porte ce numéro.",
              "Lisez la liste des tableaux."),
        Error("empty_file", "", "Le fichier ne contient rien.", "Envoyez-le de nouveau : il s'est perdu en route."),
        Error("file_too_large", "", "Le fichier dépasse 20 Mo.",
              "Gardez les colonnes utiles, ou partagez-le en deux."),
        Error("pool_missing", "", "Une attribution tire ses licences d'un lot, et aucun n'est nommé.",
              "Envoyez `pool`."),
        Error("pool_not_open", "", "Le lot n'est pas de votre collectivité, est terminé, ou n'a plus rien à donner.",
              "Choisissez-en un autre dans la liste des lots."),
        Error("invalid_volume", "", "Ce qui dit combien de licences se contredit.",
              "`units_for_all` va avec `volume` à `all`, et avec lui seul."),
        Error("not_an_allocation", "", "Un tableau du périmètre ne donne pas de licence et n'écrit à personne.",
              "N'envoyez ni lot, ni nombre de licences, ni jour d'envoi."),
        Error("invalid_layout", "", "Ce qui est dit de la disposition du tableau ne convient pas : `errors` dit quoi.",
              "Relisez `layout`, puis répondez à ses questions."),
        Error("unknown_question", "", "Dans `errors` : le tableau ne pose pas cette question.", "Relisez `layout`."),
        Error("unknown_column", "", "Dans `errors` : le tableau n'a pas de colonne de ce numéro.", "Relisez `layout`."),
        Error("duplicate_column", "", "Dans `errors` : une même colonne aurait deux sens.", "Gardez-en un."),
        Error("sheet_changed", "", "Dans `errors` : la feuille ou la ligne des titres change aussi.",
              "Changez d'abord la feuille, relisez `layout`, puis dites les colonnes."),
        Error("not_editable", "", "Cette colonne n'est pas de celles qui se corrigent dans un tel tableau.",
              "Voyez la page de l'opération."),
        Error("invalid_state", "", "Le tableau n'en est pas là : il est en cours de lecture, ou déjà fait.",
              "Relisez son état."),
        Error("contents_deleted", "", "Son fichier et ses lignes ne sont plus gardés depuis `contents_deleted_at`.",
              "Reprenez les licences des attributions elles-mêmes, ou déposez le fichier de nouveau."),
        Error("nothing_to_apply", "", "Aucune ligne n'est retenue.", "Lisez les lignes et leurs problèmes."),
        Error("rows_in_error", "", "Des lignes sont en erreur, et rien ne dit d'appliquer les autres sans elles.",
              "Corrigez le tableau, ou demandez de n'appliquer que les lignes valables."),
        Error("confirmation_required", "", "Ce qui serait fait est hors de proportion.",
              "Vérifiez le tableau ; si c'est voulu, envoyez dans `confirmation_count` le nombre que donne "
              "`plan.confirmation.count`."),
        Error("outdated", "", "La situation a changé depuis la lecture dont `digest` fait foi.",
              "Relisez le tableau, vérifiez-le, puis appliquez-le sous son nouveau `digest`."),
        Error("row_cannot_be_ticked", "", "La ligne n'est pas de celles qui peuvent s'appliquer.",
              "Corrigez d'abord ce que ses problèmes nomment."),
        Error("cannot_await", "", "L'école de la ligne est connue, ou la ligne n'a pas d'UAI à attendre.",
              "Relisez la ligne."),
        Error("cannot_resolve", "", "La ligne n'est dans aucun conflit, ou ce choix ne le règle pas.",
              "Relisez la ligne."),
        Error("not_enough_licences", "", "Les lignes retenues demandent plus que le lot n'a.",
              "Retirez des lignes, ou choisissez un autre lot."),
        Error("pool_ended", "", "Le lot du tableau ne donne plus rien.", "Déposez le tableau pour un autre lot."),
    ),
)  # fmt: skip

WEBHOOKS = ErrorFamily(
    "Webhooks",
    _RULE,
    (
        Error("url_not_allowed", "", "Rien ne peut être envoyé à cette adresse : pas en https, ou pas sur l'internet.",
              "Donnez une adresse en https que l'internet peut joindre."),
        Error("url_already_used", "", "Un webhook conduit déjà à cette adresse.", "Modifiez celui-là."),
        Error("unknown_event_type", "", "Aucun type d'événement ne porte ce nom.",
              "Prenez ceux de la page de l'opération ; aucun : tous."),
        Error("too_many_webhooks", "", "Un bureau a vingt webhooks au plus.", "Supprimez-en un qui ne sert plus."),
        Error("webhook_disabled", "", "Le webhook est désactivé.", "Activez-le d'abord."),
        Error("delivery_pending", "", "L'envoi attend déjà : il part au prochain essai.", "Il n'y a rien à faire."),
        Error("already_rotated", "", "Le secret vient d'être renouvelé, et le précédent signe encore.",
              "Attendez la fin de `previous_secret_until`."),
    ),
)  # fmt: skip

ERROR_FAMILIES = (
    TOKENS, REQUESTS, IDEMPOTENCY, FIELDS, LICENCES, SCHOOL_REQUESTS, RENEWAL, PORTFOLIO, IMPORTS, WEBHOOKS,
)  # fmt: skip
