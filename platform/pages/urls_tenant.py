"""The office's pages that gather several apps."""

from __future__ import annotations

from django.urls import include, path

from pages import views

urlpatterns = [
    path("", views.office_home, name="home"),
    path("messages/", include("pages.messages.urls")),
]
