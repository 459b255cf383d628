"""drf-spectacular's settings: how the OpenAPI description of an office's API is written."""

from __future__ import annotations

from typing import Any

from api.documentation.tags import TAGS


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
            "AllocationActionStatus": "licensing.pools.api.actions.STATUSES",
            "AllocationMode": "licensing.pools.api.allocations.MODES",
            "AllocationRowStatus": "licensing.pools.operations.AllocationRowStatus",
            "AllocationSituation": "licensing.pools.situations.Situation",
            "AllocationState": "licensing.pools.queries.AllocationState",
            "ColumnMeaning": "imports.api.serializers.MEANINGS",
            "ConflictResolution": "imports.enums.ConflictResolution",
            "DeliveryState": "webhooks.models.DeliveryState",
            "DisabledReason": "collectivities.api.webhooks.DISABLED_REASONS",
            "EventType": "webhooks.event_types.list_event_types",
            "ImportPurpose": "imports.enums.Purpose",
            "ImportState": "imports.enums.ImportState",
            "MatchMethod": "imports.enums.RowMatchMethod",
            "MemberRole": "collectivities.models.Role",
            "MessageState": "mailing.models.MessageState",
            "PoolStatus": "licensing.entitlements.models.EntitlementStatus",
            "PortfolioRemovalStatus": "collectivities.api.portfolio_serializers.REMOVAL_STATUSES",
            "PortfolioRowStatus": "collectivities.operations.portfolio_bulk.PortfolioRowResult",
            "RequestState": "licensing.requests.queries.RequestState",
            "RowEffect": "imports.enums.RowEffect",
            "RowVerdict": "imports.enums.Verdict",
            "SchoolState": "schools.models.SchoolState",
            "SubscribableEventType": "webhooks.event_types.list_subscribable_types",
            "VolumeSource": "imports.enums.Volume",
        },
        "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.schema.deduplicate_types"],
    }
