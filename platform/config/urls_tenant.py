"""URLs of a tenant's site (<slug>.BASE_DOMAIN)."""

from django.urls import include, path

from web import security_txt

urlpatterns = [
    path("api/v1/", include("config.urls_api")),
    path(security_txt.PATH, security_txt.security_txt, name="security_txt"),
    path("", include("accounts.urls")),
    path("", include("collectivities.urls_office")),
    path("", include("licensing.pools.urls")),
    path("", include("licensing.reminders.urls")),
    path("", include("licensing.requests.returns.urls")),
    path("", include("licensing.plans.rebalancing.urls")),
    path("", include("licensing.requests.school_requests.urls")),
    path("", include("imports.web.urls")),
    path("", include("sites.office.urls")),
]

handler400 = "web.outage.bad_request"
handler404 = "collectivities.access.page_not_found"
handler500 = "api.problem_details.server_error"
