"""The addresses of a collectivity's office (<slug>.BASE_DOMAIN)."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("collectivities.urls.office")),
    path("", include("pages.urls_tenant")),
]
