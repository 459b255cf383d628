"""URLs under `/ecoles/` of an office: the list, and what `collectivities` has of the portfolio."""

from __future__ import annotations

from django.urls import path

from collectivities.urls_office import portfolio_urls
from sites.office.schools import school, school_list

app_name = "portfolio"
urlpatterns = [
    path("", school_list.school_list, name="list"),
    path("export.xlsx", school_list.export, name="export"),
    path("<str:uai>/contact/", school.edit_contact, name="edit"),
    *portfolio_urls,
]
