"""The portal's addresses of the general terms of sale."""

from __future__ import annotations

from django.urls import path

from licensing.catalogue import views

urlpatterns = [
    path("conditions-generales-de-vente/", views.cgv, name="cgv"),
    path("conditions-generales-de-vente/<str:version>/", views.cgv, name="cgv_version"),
]
