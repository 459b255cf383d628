"""URLs of pools and allocations in a collectivity's office."""

from django.urls import path

from licensing.pools import bulk_views, views

app_name = "pools"
urlpatterns = [
    path("lots/", views.pool_list, name="pools"),
    path("lots/<int:pk>/renommer/", views.rename, name="rename"),
    path("attributions/", views.allocation_list, name="allocations"),
    path("attributions/export.xlsx", views.export, name="export"),
    path("attributions/attribuer/", views.allocate, name="allocate"),
    path("attributions/actions/", bulk_views.act_on_selected, name="bulk"),
    path("attributions/annuler-une-reprise/", views.restore, name="restore"),
    path("attributions/adresses/", bulk_views.correction_list, name="corrections"),
    path("attributions/adresses/corriger/", bulk_views.correct, name="correct"),
    path("attributions/<int:pk>/", views.allocation_detail, name="allocation"),
    path("attributions/<int:pk>/licences/", views.set_units, name="units"),
    path("attributions/<int:pk>/relancer/", views.remind, name="remind"),
    path("attributions/<int:pk>/renvoyer/", views.resend, name="resend"),
    path("attributions/<int:pk>/annuler-la-reprise/", views.restore_one, name="restore_one"),
    path("attributions/<int:pk>/cle/", views.reveal, name="reveal"),
]
