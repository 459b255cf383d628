"""URLs of a tenant's site (<slug>.BASE_DOMAIN)."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("config.urls_api")),
    path("", include("accounts.urls")),
    path("", include("collectivities.urls_office")),
    path("", include("licensing.pools.urls")),
    path("", include("sites.office.purchases.urls")),
    path("", include("imports.web.urls")),
    path("", include("sites.office.urls")),
]

handler400 = "web.outage.bad_request"
handler404 = "collectivities.access.page_not_found"
handler500 = "api.problem_details.server_error"
