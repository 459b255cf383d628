"""URLs of pools and allocations in a collectivity's office."""

from __future__ import annotations

from django.urls import path

from licensing.pools.views import actions, allocate, allocations, pools

app_name = "pools"
urlpatterns = [
    path("lots/", pools.pool_list, name="pools"),
    path("attributions/", allocations.allocation_list, name="allocations"),
    path("attributions/export.xlsx", allocations.export, name="export"),
    path("attributions/attribuer/", allocate.allocate, name="allocate"),
    path("attributions/actions/", actions.act_on_selected, name="bulk"),
    path("attributions/<int:pk>/", allocations.allocation_detail, name="allocation"),
    path("attributions/<int:pk>/renvoyer/", actions.resend, name="resend"),
    path("attributions/<int:pk>/cle/", actions.reveal, name="reveal"),
]
