"""URLs of the import pages."""

from __future__ import annotations

from django.urls import path

from imports.web.views import actions, annotated, arrivals, bulk, detail, listing, rows, upload, workbooks

app_name = "imports"

urlpatterns = [
    path("imports/", listing.import_list, name="list"),
    path("imports/nouveau/", upload.upload, name="upload"),
    path("imports/liste.xlsx", workbooks.export, name="export"),
    path("imports/modeles/<str:purpose>/", workbooks.template, name="template"),
    path("imports/<int:pk>/", detail.import_detail, name="detail"),
    path("imports/<int:pk>/etat/", detail.import_progress, name="progress"),
    path("imports/<int:pk>/fichier/", listing.original_file, name="file"),
    path("imports/<int:pk>/lecture/", actions.choose, name="choose"),
    path("imports/<int:pk>/lignes/", detail.applied_rows, name="applied_rows"),
    path("imports/<int:pk>/lignes/<int:sheet>/<int:number>/", rows.edit_row, name="row"),
    path("imports/<int:pk>/ensemble/", bulk.bulk, name="bulk"),
    path("imports/<int:pk>/annote/", annotated.annotate, name="annotate"),
    path("imports/<int:pk>/annote/fichier/", annotated.annotated_file, name="annotated"),
    path("imports/<int:pk>/corrige/", upload.corrected, name="corrected"),
    path("imports/<int:pk>/donner/", upload.give, name="give"),
    path("imports/<int:pk>/rapport/", workbooks.report, name="report"),
    path("imports/<int:pk>/appliquer/", actions.confirm, name="confirm"),
    path("imports/<int:pk>/demander/", actions.request_application, name="request_application"),
    path("imports/<int:pk>/demander/retirer/", actions.withdraw_request, name="withdraw_request"),
    path("imports/<int:pk>/annuler/", actions.cancel, name="cancel"),
    path("imports/<int:pk>/reprendre/", arrivals.resume_arrived, name="take_up"),
    path("imports/<int:pk>/defaire/", actions.undo, name="undo"),
]
