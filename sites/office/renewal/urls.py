"""URLs of « Reconduire », at a collectivity's office."""

from __future__ import annotations

from django.urls import path

from sites.office.renewal import acts, page, spreadsheets

app_name = "renewal"
urlpatterns = [
    path("reconduire/", page.renewal, name="list"),
    path("reconduire/ensemble/", acts.set_all, name="set_all"),
    path("reconduire/classeur.xlsx", spreadsheets.workbook, name="workbook"),
    path("reconduire/tableau/<int:pk>/", spreadsheets.take_numbers, name="take"),
    path("reconduire/commander/", acts.order, name="order"),
    path("reconduire/attribuer/", acts.give, name="give"),
    path("reconduire/annuler/", acts.undo, name="undo"),
    path("reconduire/sans-suite/", acts.decline, name="decline"),
    path("reconduire/rouvrir/", acts.reopen, name="reopen"),
]
