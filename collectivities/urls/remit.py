"""`/ecoles/`; the page of a school is `school`, in `sites.office`."""

from django.urls import path

from collectivities.views import remit

app_name = "remit"
urlpatterns = [
    path("", remit.remit_list, name="list"),
    path("ajouter/", remit.add, name="add"),
    path("retirer/", remit.remove, name="remove"),
    path("<str:uai>/contact/", remit.edit, name="edit"),
]
