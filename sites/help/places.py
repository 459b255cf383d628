"""Of each page, by how the name of its view begins, its place in the guides."""

from __future__ import annotations

_PRINCIPALS, _TEACHERS, _OFFICES, _DATA_OFFICERS = (
    f"/aide/{slug}/" for slug in ("chef-etablissement", "enseignant", "collectivite", "referent-donnees")
)
_PORTAL = {
    "account_signup": f"{_PRINCIPALS}#creer-votre-compte",
    "account_email": f"{_PRINCIPALS}#creer-votre-compte",
    "account_confirm_email": f"{_PRINCIPALS}#creer-votre-compte",
    "school_choices": f"{_PRINCIPALS}#creer-votre-compte",
    "mfa_": f"{_PRINCIPALS}#creer-votre-compte",
    "my_account": f"{_PRINCIPALS}#attribuer-une-licence",
    "my_account_key": f"{_PRINCIPALS}#activer-une-cle-recue-d-une-collectivite",
    "my_account_vouchers": f"{_PRINCIPALS}#communiquer-la-cle",
    "my_account_release": f"{_PRINCIPALS}#reprendre-une-licence-ou-la-passer-a-quelqu-un-d-autre",
    "my_account_person": f"{_PRINCIPALS}#creer-votre-compte",
    "my_account_address": f"{_PRINCIPALS}#creer-votre-compte",
    "my_account_school": f"{_PRINCIPALS}#creer-votre-compte",
    "my_account_data": f"{_PRINCIPALS}#vos-donnees-et-la-fin-de-votre-compte",
    "my_account_close": f"{_PRINCIPALS}#vos-donnees-et-la-fin-de-votre-compte",
    "principal_verification": f"{_PRINCIPALS}#la-liste-des-enseignants-est-vide",
    "key_": f"{_PRINCIPALS}#activer-une-cle-recue-d-une-collectivite",
    "teacher_": f"{_TEACHERS}#recevoir-une-licence",
    "lost_key": f"{_PRINCIPALS}#vous-n-avez-pas-recu-la-cle",
    "reminder_stop": f"{_PRINCIPALS}#vous-recevez-des-relances",
    "shop": f"{_PRINCIPALS}#acheter-des-licences-en-boutique",
    "shop_order": f"{_PRINCIPALS}#commande-en-cours",
    "orders_": f"{_PRINCIPALS}#mes-commandes",
    "card_": f"{_PRINCIPALS}#mes-commandes",
    "classes:": f"{_TEACHERS}#ouvrir-sa-classe",
    "classes:add": f"{_TEACHERS}#creer-les-comptes-et-imprimer-les-cartes",
    "classes:detail": f"{_TEACHERS}#creer-les-comptes-et-imprimer-les-cartes",
    "classes:print_cards": f"{_TEACHERS}#creer-les-comptes-et-imprimer-les-cartes",
    "classes:sheet": f"{_TEACHERS}#qui-est-qui",
    "classes:reset": f"{_TEACHERS}#carte-perdue-mots-de-passe-essayes",
    "classes:remove": f"{_TEACHERS}#carte-perdue-mots-de-passe-essayes",
    "classes:mark_tries_read": f"{_TEACHERS}#carte-perdue-mots-de-passe-essayes",
    "classes:invite": f"{_TEACHERS}#enseigner-a-deux",
    "classes:accept": f"{_TEACHERS}#enseigner-a-deux",
    "classes:decline": f"{_TEACHERS}#enseigner-a-deux",
    "classes:end_sharing": f"{_TEACHERS}#enseigner-a-deux",
    "classes:pupil_": f"{_TEACHERS}#l-eleve-entre",
    "application": f"{_TEACHERS}#l-eleve-entre",
    "certificate": f"{_TEACHERS}#a-la-fin-de-l-annee",
    "office_": f"{_OFFICES}#demander-un-bureau",
    "admin:": "/aide/exploitant/#ce-qui-attend",
}
_OFFICE = {
    "home": f"{_OFFICES}#ou-en-sont-vos-licences",
    "map": f"{_OFFICES}#ou-en-sont-vos-licences",
    "map_place": f"{_OFFICES}#ou-en-sont-vos-licences",
    "map_state": f"{_OFFICES}#ou-en-sont-vos-licences",
    "mfa_": f"{_OFFICES}#proteger-le-bureau",
    "enrolment_code": f"{_OFFICES}#proteger-le-bureau",
    "account_": f"{_OFFICES}#proteger-le-bureau",
    "office_": f"{_OFFICES}#proteger-le-bureau",
    "journal": f"{_OFFICES}#le-journal",
    "invitation": f"{_OFFICES}#qui-peut-faire-quoi",
    "members:": f"{_OFFICES}#qui-peut-faire-quoi",
    "api:": f"{_OFFICES}#l-api",
    "tokens:": f"{_OFFICES}#l-api",
    "webhooks:": f"{_OFFICES}#prevenir-votre-systeme-d-information-webhooks",
    "portfolio:": f"{_DATA_OFFICERS}#ce-que-le-tableau-doit-contenir",
    "portfolio:edit": f"{_OFFICES}#donner-a-une-ecole",
    "portfolio:list": f"{_OFFICES}#ou-en-sont-vos-licences",
    "portfolio:export": f"{_OFFICES}#ou-en-sont-vos-licences",
    "imports:": f"{_DATA_OFFICERS}#verification",
    "imports:list": f"{_DATA_OFFICERS}#retrouver-ce-qui-a-ete-fait",
    "imports:upload": f"{_DATA_OFFICERS}#fichier",
    "imports:template": f"{_DATA_OFFICERS}#ce-que-le-tableau-doit-contenir",
    "imports:file": f"{_DATA_OFFICERS}#fichier",
    "imports:annotate": f"{_DATA_OFFICERS}#corriger-dans-excel-plutot-qu-ici",
    "imports:confirm": f"{_DATA_OFFICERS}#application",
    "imports:undo": f"{_DATA_OFFICERS}#defaire-un-import",
    "pools:": f"{_OFFICES}#ou-en-sont-vos-licences",
    "pools:allocate": f"{_OFFICES}#donner-a-une-ecole",
    "pools:bulk": f"{_OFFICES}#reprendre",
    "pools:restore": f"{_OFFICES}#reprendre",
    "pools:restore_one": f"{_OFFICES}#reprendre",
    "pools:corrections": f"{_OFFICES}#corriger-les-adresses",
    "pools:correct": f"{_OFFICES}#corriger-les-adresses",
    "pools:resend": f"{_OFFICES}#suivre-les-e-mails",
    "pools:remind": f"{_OFFICES}#suivre-les-e-mails",
    "pools:units": f"{_OFFICES}#changer-un-nombre",
    "reminders:": f"{_OFFICES}#les-relances-automatiques",
    "pools:rename": f"{_OFFICES}#acheter-des-licences",
    "purchases:": f"{_OFFICES}#acheter-des-licences",
    "school": f"{_OFFICES}#donner-a-une-ecole",
    "territory_schools": f"{_OFFICES}#vos-trois-premieres-etapes",
    "distribute": f"{_OFFICES}#donner-a-une-ecole",
    "follow_up": f"{_OFFICES}#suivre-les-e-mails",
    "messages:": f"{_OFFICES}#suivre-les-e-mails",
    "report": f"{_OFFICES}#le-rapport-pour-le-conseil",
}
#: Of members who are viewers only.
_VIEWER = dict.fromkeys(
    ("home", "map", "map_place", "portfolio:", "school", "distribute", "imports:", "pools:", "messages:"),
    f"{_OFFICES}#si-vous-etes-lecteur",
)
#: Of members who are data officers only.
_DATA_OFFICER = {
    "home": f"{_DATA_OFFICERS}#les-ecoles-sans-licence",
    "portfolio:edit": f"{_DATA_OFFICERS}#les-contacts-des-ecoles",
    "portfolio:list": f"{_DATA_OFFICERS}#les-ecoles-sans-licence",
    "portfolio:export": f"{_DATA_OFFICERS}#les-exports",
    "school": f"{_DATA_OFFICERS}#les-contacts-des-ecoles",
    "distribute": f"{_DATA_OFFICERS}#fichier",
    "pools:allocation": f"{_DATA_OFFICERS}#les-cles-non-activees",
    "messages:": f"{_DATA_OFFICERS}#les-cles-non-activees",
}
#: By kind of host and beginning of the view's name. Of a member with one role, those of the role come first.
PLACES = {
    (kind, name): path
    for kind, places in (
        ("portal", _PORTAL),
        ("office", _OFFICE),
        ("office: viewer", _VIEWER),
        ("office: data_officer", _DATA_OFFICER),
    )
    for name, path in places.items()
}
