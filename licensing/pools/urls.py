"""URLs of pools and allocations in a collectivity's office."""

from __future__ import annotations

from django.urls import path

from licensing.pools.views import acting, allocate, allocations, lots

app_name = "pools"
urlpatterns = [
    path("lots/", lots.lots, name="lots"),
    path("attributions/", allocations.listing, name="allocations"),
    path("attributions/export.xlsx", allocations.export, name="export"),
    path("attributions/attribuer/", allocate.allocate, name="allocate"),
    path("attributions/actions/", acting.bulk, name="bulk"),
    path("attributions/<int:pk>/", allocations.detail, name="allocation"),
    path("attributions/<int:pk>/renvoyer/", acting.resend, name="resend"),
    path("attributions/<int:pk>/cle/", acting.reveal, name="reveal"),
]
