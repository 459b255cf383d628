"""URLs of the help: guides, questions, accessibility."""

from __future__ import annotations

from django.urls import path

from sites.help import views

urlpatterns = [
    path("aide/", views.list_guides, name="help"),
    path("aide/<slug:slug>/", views.show_guide, name="guide"),
    path("faq/", views.list_questions, name="faq"),
    path("aide/<slug:slug>.pdf", views.download_guide, name="guide_pdf"),
]
