"""URLs of an office's pages that span several apps."""

from __future__ import annotations

from allauth.account.views import signup
from django.urls import include, path

from sites.office.distribute import distribute, follow_up
from sites.office.home.page import office_home
from sites.office.my_letters import my_letters
from sites.office.report.page import report_pdf, report_workbook, show_report
from sites.office.sample_letter import sample_letter
from sites.office.schools.school import school
from sites.office.territory import map_place, map_state, territory_map
from sites.office.territory_schools import territory_schools, undo_addition
from web.access import public_page

urlpatterns = [
    path("", office_home, name="home"),
    path("distribuer/", distribute, name="distribute"),
    path("suivi/", follow_up, name="follow_up"),
    path("reglages/lettre/", sample_letter, name="office_letter"),
    path("ecoles/territoire/", territory_schools, name="territory_schools"),
    path("ecoles/territoire/annuler/", undo_addition, name="territory_schools_undo"),
    path("ecoles/", include("sites.office.schools.urls")),
    path("ecoles/<str:uai>/", school, name="school"),
    path("carte/", territory_map, name="map"),
    path("carte/etat/<str:state>/", map_state, name="map_state"),
    path("carte/<str:uai>/", map_place, name="map_place"),
    path("mes-e-mails/", my_letters, name="my_letters"),
    path("messages/", include("sites.office.messages.urls")),
    path("rapport/", show_report, name="report"),
    path("rapport/pdf/", report_pdf, name="report_pdf"),
    path("rapport/classeur/", report_workbook, name="report_workbook"),
    # `accounts.adapter` closes sign-up here; the page explains that members join by invitation.
    path("inscription/", public_page(signup), name="account_signup"),
]
