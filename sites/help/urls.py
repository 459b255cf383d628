"""URLs of the help: guides, questions, accessibility."""

from django.urls import path

from sites.help import views

urlpatterns = [
    path("aide/", views.list_guides, name="help"),
    path("aide/<slug:slug>/", views.show_guide, name="guide"),
    path("accessibilite/", views.show_declaration, name="accessibility"),
    path("accessibilite/grille/", views.show_grid, name="accessibility_grid"),
    path("plan-du-site/", views.show_site_map, name="site_map"),
    path("faq/", views.list_questions, name="faq"),
    path("aide/<slug:slug>.pdf", views.download_guide, name="guide_pdf"),
]
