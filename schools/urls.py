"""The portal's URL of the school search."""

from __future__ import annotations

from django.urls import path

from schools import views

urlpatterns = [path("etablissements/recherche/", views.school_search, name="school_search")]
