"""`/ecoles/`; the page of a school is `school`, in `sites.office`."""

from django.urls import path

from collectivities.views import portfolio

app_name = "portfolio"
urlpatterns = [
    path("", portfolio.portfolio_list, name="list"),
    path("ajouter/", portfolio.add, name="add"),
    path("retirer/", portfolio.remove, name="remove"),
    path("<str:uai>/contact/", portfolio.edit, name="edit"),
]
