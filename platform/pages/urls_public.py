"""The portal's pages that gather several apps."""

from __future__ import annotations

from django.urls import path

from pages import views

urlpatterns = [path("", views.portal_home, name="home")]
