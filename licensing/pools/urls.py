"""URLs of pools and allocations in a collectivity's office."""

from __future__ import annotations

from django.urls import path

from licensing.pools.views import actions, allocate, allocations, bulk, corrections, one_allocation, pools

app_name = "pools"
urlpatterns = [
    path("lots/", pools.pool_list, name="pools"),
    path("lots/<int:pk>/renommer/", pools.rename, name="rename"),
    path("attributions/", allocations.allocation_list, name="allocations"),
    path("attributions/export.xlsx", allocations.export, name="export"),
    path("attributions/attribuer/", allocate.allocate, name="allocate"),
    path("attributions/actions/", bulk.act_on_selected, name="bulk"),
    path("attributions/annuler-une-reprise/", actions.restore, name="restore"),
    path("attributions/adresses/", corrections.correction_list, name="corrections"),
    path("attributions/adresses/corriger/", corrections.correct, name="correct"),
    path("attributions/<int:pk>/", allocations.allocation_detail, name="allocation"),
    path("attributions/<int:pk>/licences/", one_allocation.set_units, name="units"),
    path("attributions/<int:pk>/relancer/", one_allocation.remind, name="remind"),
    path("attributions/<int:pk>/renvoyer/", actions.resend, name="resend"),
    path("attributions/<int:pk>/annuler-la-reprise/", actions.restore_one, name="restore_one"),
    path("attributions/<int:pk>/cle/", actions.reveal, name="reveal"),
]
