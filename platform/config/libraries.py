"""Settings of libraries: drf-spectacular's (the API's description) and django-unfold's (the back office)."""

from typing import Any

#: Shades of the one blue of `web/tokens.css`, from the palest.
BLUES = {
    "50": "#f1f5fb",
    "100": "#e5edf8",
    "200": "#c8d8ef",
    "300": "#9dbbe2",
    "400": "#6895d0",
    "500": "#3f78bf",
    "600": "#1f4e96",
    "700": "#1b4484",
    "800": "#163a73",
    "900": "#12305f",
    "950": "#0b1f3f",
}

#: `UNFOLD`. Functions are named by their path: no app is loaded yet when the settings are read.
BACK_OFFICE: dict[str, Any] = {
    "SITE_TITLE": "Pep's – exploitation",
    "SITE_HEADER": "Pep's – exploitation",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    # Light: the only theme whose contrasts the browser tests check.
    "THEME": "light",
    "SITE_ICON": "sites.back_office.site.get_icon_url",
    "COLORS": {"primary": BLUES},
    "STYLES": ["sites.back_office.site.get_stylesheet_url"],
    "SCRIPTS": ["sites.back_office.site.get_script_url"],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "sites.back_office.site.build_sidebar",
    },
}


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


def build_spectacular_settings(base_domain: str) -> dict[str, Any]:
    """Return `SPECTACULAR_SETTINGS`, for offices at `<slug>.<base_domain>`."""
    return {
        "TITLE": "Pep's : l'API d'un bureau",
        "DESCRIPTION": "Ce qu'une collectivité lit et fait par programme, à l'adresse de son bureau. Jetons, erreurs, "
        "reprises et limites sont expliqués sous `/api/v1/documentation/`.",
        "VERSION": "1",
        "EXTERNAL_DOCS": {"url": "/api/v1/documentation/", "description": "La documentation, en français."},
        # Replaced by the tenant's own URL when served.
        "SERVERS": [
            {"url": f"https://{{office}}.{base_domain}", "variables": {"office": {"default": "nimes"}}},
        ],
        "TAGS": TAGS,
        "OAS_VERSION": "3.1.0",
        "SCHEMA_PATH_PREFIX": "/api/v1",
        "SERVE_INCLUDE_SCHEMA": False,
        "COMPONENT_SPLIT_REQUEST": True,
        "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
        # Component names of the enums: drf-spectacular would derive them from field names.
        "ENUM_NAME_OVERRIDES": {
            "AllocationActionStatus": "licensing.pools.actions_api.STATUSES",
            "AllocationMode": "licensing.pools.api.MODES",
            "AllocationRowStatus": "licensing.pools.operations.AllocationRowStatus",
            "AllocationSituation": "licensing.pools.queries.Situation",
            "AllocationState": "licensing.pools.queries.AllocationState",
            "ColumnMeaning": "imports.api.serializers.MEANINGS",
            "ConflictResolution": "imports.enums.ConflictResolution",
            "DeliveryState": "webhooks.models.DeliveryState",
            "DisabledReason": "collectivities.api.webhooks.DISABLED_REASONS",
            "EventType": "webhooks.event_types.list_event_types",
            "ImportPurpose": "imports.enums.Purpose",
            "ImportState": "imports.enums.ImportState",
            "MatchMethod": "imports.enums.RowMatchMethod",
            "MemberRole": "collectivities.capabilities.Role",
            "MessageState": "mailing.models.MessageState",
            "PoolStatus": "licensing.entitlements.models.EntitlementStatus",
            "PortfolioRemovalStatus": "collectivities.api.portfolio.REMOVAL_STATUSES",
            "PortfolioRowStatus": "collectivities.operations.portfolio.PortfolioRowResult",
            "RequestState": "licensing.requests.school_requests.models.RequestState",
            "RowEffect": "imports.enums.RowEffect",
            "RowVerdict": "imports.enums.Verdict",
            "SchoolState": "schools.models.SchoolState",
            "SubscribableEventType": "webhooks.event_types.list_subscribable_types",
            "VolumeSource": "imports.enums.Volume",
        },
        "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.schema.deduplicate_types"],
    }
