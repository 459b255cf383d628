"""The operator's pages of our own: route below the back office's root, view, and name in the admin's namespace."""

from collections.abc import Callable

from django.http import HttpResponseBase

from sites.back_office import clients, invitations, month_figures, order_views, schools, waiting, year_figures

OWN_PAGES: tuple[tuple[str, Callable[..., HttpResponseBase], str], ...] = (
    # The root of the back office, under the name that the admin's own templates link to.
    ("", waiting.show_queue, "index"),
    ("a-traiter/<slug:slug>/", waiting.show_list, "waiting_list"),
    ("a-traiter/<slug:slug>/<int:pk>/", order_views.show_order, "waiting_order"),
    ("bons-signes/<int:pk>/", order_views.show_scan, "waiting_scan"),
    ("clients/collectivite/<int:pk>/", clients.show_collectivity, "client_collectivity"),
    (
        "clients/collectivite/<int:collectivity_id>/invitations/<int:pk>/",
        invitations.show_office_invitation,
        "office_invitation",
    ),
    ("clients/ecole/<str:uai>/", clients.show_school, "client_school"),
    ("clients/personne/<int:pk>/", clients.show_person, "client_person"),
    ("annuaire/", schools.show_runs, "directory_runs"),
    ("annuaire/<int:pk>/", schools.show_run, "directory_run"),
    ("mois/", month_figures.show_month, "month"),
    ("mois/<int:year>-<int:month>/", month_figures.show_month, "month_of"),
    ("annee/", year_figures.show_year, "year"),
    ("annee/<int:year>/", year_figures.show_year, "year_of"),
    ("annee/<int:year>/classeur/", year_figures.export_year, "year_workbook"),
)
