"""The operator's pages of our own: route below the back office's root, view, and name in the admin's namespace."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponseBase

from sites.back_office.pages import (
    client_views,
    directory_views,
    invitation_views,
    month_views,
    order_views,
    queue_views,
    year_views,
)

OWN_PAGES: tuple[tuple[str, Callable[..., HttpResponseBase], str], ...] = (
    # The root of the back office, under the name that the admin's own templates link to.
    ("", queue_views.show_queue, "index"),
    ("a-traiter/<slug:slug>/", queue_views.show_list, "waiting_list"),
    ("a-traiter/<slug:slug>/<int:pk>/", order_views.show_order, "waiting_order"),
    ("bons-signes/<int:pk>/", order_views.show_scan, "waiting_scan"),
    ("clients/collectivite/<int:pk>/", client_views.show_collectivity, "client_collectivity"),
    (
        "clients/collectivite/<int:collectivity_id>/invitations/<int:pk>/",
        invitation_views.show_office_invitation,
        "office_invitation",
    ),
    ("clients/ecole/<str:uai>/", client_views.show_school, "client_school"),
    ("clients/personne/<int:pk>/", client_views.show_person, "client_person"),
    ("annuaire/", directory_views.show_runs, "directory_runs"),
    ("annuaire/<int:pk>/", directory_views.show_run, "directory_run"),
    ("mois/", month_views.show_month, "month"),
    ("mois/<int:year>-<int:month>/", month_views.show_month, "month_of"),
    ("annee/", year_views.show_year, "year"),
    ("annee/<int:year>/", year_views.show_year, "year_of"),
    ("annee/<int:year>/classeur/", year_views.export_year, "year_workbook"),
)
