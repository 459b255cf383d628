"""The addresses of « Imports »."""

from __future__ import annotations

from django.urls import path

from imports.views import detail, listing, rows, steps, workbooks

app_name = "imports"

urlpatterns = [
    path("imports/", listing.imports, name="list"),
    path("imports/nouveau/", listing.upload, name="upload"),
    path("imports/liste.xlsx", workbooks.export, name="export"),
    path("imports/modeles/<str:purpose>/", workbooks.template, name="template"),
    path("imports/<int:pk>/", detail.table, name="detail"),
    path("imports/<int:pk>/etat/", detail.progress, name="progress"),
    path("imports/<int:pk>/fichier/", listing.original, name="file"),
    path("imports/<int:pk>/lecture/", steps.choose, name="choose"),
    path("imports/<int:pk>/lignes/<int:number>/", rows.amend, name="row"),
    path("imports/<int:pk>/cocher/", rows.tick_all, name="tick"),
    path("imports/<int:pk>/corrige/", workbooks.corrected, name="corrected"),
    path("imports/<int:pk>/rapport/", workbooks.report, name="report"),
    path("imports/<int:pk>/appliquer/", steps.confirm, name="confirm"),
    path("imports/<int:pk>/annuler/", steps.cancel, name="cancel"),
]
