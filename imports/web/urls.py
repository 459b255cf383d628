"""URLs of the import pages."""

from django.urls import path

from imports.web.views import actions, detail, listing, rows

app_name = "imports"

urlpatterns = [
    path("imports/", listing.import_list, name="list"),
    path("imports/nouveau/", listing.upload, name="upload"),
    path("imports/liste.xlsx", listing.export, name="export"),
    path("imports/modeles/<str:purpose>/", listing.template, name="template"),
    path("imports/<int:pk>/", detail.import_detail, name="detail"),
    path("imports/<int:pk>/etat/", detail.import_progress, name="progress"),
    path("imports/<int:pk>/fichier/", listing.original_file, name="file"),
    path("imports/<int:pk>/lecture/", actions.choose, name="choose"),
    path("imports/<int:pk>/lignes/", detail.applied_rows, name="applied_rows"),
    path("imports/<int:pk>/lignes/<int:sheet>/<int:number>/", rows.edit_row, name="row"),
    path("imports/<int:pk>/ensemble/", rows.bulk, name="bulk"),
    path("imports/<int:pk>/annote/", detail.annotate, name="annotate"),
    path("imports/<int:pk>/annote/fichier/", detail.annotated_file, name="annotated"),
    path("imports/<int:pk>/corrige/", listing.corrected, name="corrected"),
    path("imports/<int:pk>/donner/", listing.give, name="give"),
    path("imports/<int:pk>/rapport/", listing.report, name="report"),
    path("imports/<int:pk>/appliquer/", actions.confirm, name="confirm"),
    path("imports/<int:pk>/demander/", actions.request_application, name="request_application"),
    path("imports/<int:pk>/demander/retirer/", actions.withdraw_request, name="withdraw_request"),
    path("imports/<int:pk>/annuler/", actions.cancel, name="cancel"),
    path("imports/<int:pk>/reprendre/", listing.resume_arrived, name="take_up"),
    path("imports/<int:pk>/defaire/", actions.undo, name="undo"),
]
