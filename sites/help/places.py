"""For each section of the guides, the pages that it explains, by how the names of their views begin."""

#: By kind of host and guide. Of a member with one role, those of the role come first.
_SECTIONS = {
    ("portal", "chef-etablissement"): {
        "creer-votre-compte": (
            "account_signup account_email account_confirm_email school_choices mfa_ account_devices "
            "my_account_person my_account_address my_account_school"
        ),
        "attribuer-une-licence": "my_account",
        "activer-une-cle-recue-d-une-collectivite": "my_account_key key_",
        "quand-un-enseignant-vous-demande-une-licence": "my_account_refuse",
        "demander-des-licences-a-votre-collectivite": "my_account_request",
        "communiquer-la-cle": "my_account_vouchers",
        "reprendre-une-licence-ou-la-passer-a-quelqu-un-d-autre": "my_account_release",
        "rendre-des-licences": "my_account_return my_account_undo_return",
        "vos-donnees-et-la-fin-de-votre-compte": "my_account_data my_account_close",
        "la-liste-des-enseignants-est-vide": "principal_verification",
        "vous-n-avez-pas-recu-la-cle": "lost_key",
        "vous-recevez-des-relances": "reminder_stop",
        "acheter-des-licences-en-boutique": "shop",
        "commande-en-cours": "shop_order",
        "mes-commandes": "orders_ card_",
    },
    ("portal", "enseignant"): {
        "demander-une-licence": "my_account_ask",
        "recevoir-une-licence": "teacher_",
        "ouvrir-sa-classe": "classes:",
        "creer-les-comptes-et-imprimer-les-cartes": "classes:add classes:detail classes:print_cards",
        "qui-est-qui": "classes:sheet",
        "carte-perdue-mots-de-passe-essayes": "classes:reset classes:remove classes:mark_tries_read",
        "enseigner-a-deux": "classes:invite classes:accept classes:decline classes:end_sharing",
        "a-la-fin-de-l-annee": "classes:carry_on certificate",
        "des-eleves-changent-d-enseignant": (
            "classes:hand_over classes:handover classes:withdraw_handover classes:receive"
        ),
        "l-eleve-entre": "classes:pupil_ application",
    },
    ("portal", "collectivite"): {
        "demander-un-bureau": "office_",
    },
    ("portal", "exploitant"): {
        "ce-qui-attend": "admin:",
        "l-annuaire": "admin:directory_",
    },
    ("office", "collectivite"): {
        "ou-en-sont-vos-licences": "home map portfolio:list portfolio:export pools:",
        "proteger-le-bureau": "mfa_ enrolment_code account_ office_",
        "le-journal": "journal",
        "les-e-mails-que-vous-recevez": "letter_stop my_letters",
        "qui-peut-faire-quoi": "invitation members:",
        "l-api": "api: tokens:",
        "prevenir-votre-systeme-d-information-webhooks": "webhooks:",
        "donner-a-une-ecole": "portfolio:edit pools:allocate school distribute",
        "reprendre": "pools:bulk pools:restore",
        "corriger-les-adresses": "pools:correct",
        "suivre-les-e-mails": "pools:resend pools:remind follow_up messages:",
        "changer-un-nombre": "pools:units",
        "les-relances-automatiques": "reminders:",
        "acheter-des-licences": "pools:rename purchases:",
        "demander-les-licences-qui-ne-servent-pas": "returns:",
        "reequilibrer-un-lot": "rebalancing:",
        "reconduire-d-une-annee-a-l-autre": "renewal:",
        "repondre-aux-demandes-des-ecoles": "requests:",
        "vos-trois-premieres-etapes": "territory_schools",
        "le-rapport-pour-le-conseil": "report",
    },
    ("office", "referent-donnees"): {
        "ce-que-le-tableau-doit-contenir": "portfolio: imports:template",
        "verification": "imports:",
        "retrouver-ce-qui-a-ete-fait": "imports:list",
        "fichier": "imports:upload imports:file",
        "corriger-dans-excel-plutot-qu-ici": "imports:annotate",
        "application": "imports:confirm",
        "defaire-un-import": "imports:undo",
    },
    ("office: viewer", "collectivite"): {
        "si-vous-etes-lecteur": "home map portfolio: school distribute imports: pools: returns: messages:",
    },
    ("office: data_officer", "referent-donnees"): {
        "les-ecoles-sans-licence": "home portfolio:list",
        "les-contacts-des-ecoles": "portfolio:edit school",
        "les-exports": "portfolio:export",
        "fichier": "distribute",
        "les-cles-non-activees": "pools:allocation messages:",
    },
}
PLACES = {
    (kind, name): f"/aide/{guide}/#{section}"
    for (kind, guide), sections in _SECTIONS.items()
    for section, names in sections.items()
    for name in names.split()
}
