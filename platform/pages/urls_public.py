"""URLs of the portal's pages that span several apps."""

from __future__ import annotations

from django.urls import path

from pages import contact, lost_key, portal, school_fields, sign_up
from pages.my_account import details, direction, keys, privacy, views

urlpatterns = [
    path("", portal.home, name="home"),
    path("collectivites/", portal.office_door, name="office_door"),
    path("inscription/", sign_up.sign_up, name="account_signup"),
    path("inscription/etablissements/", school_fields.school_choices, name="school_choices"),
    path("mon-compte/", views.my_account, name="my_account"),
    path("mon-compte/licences/", views.licences_now, name="my_account_licences"),
    path("mon-compte/cle/", keys.enter_key, name="my_account_key"),
    path("mon-compte/attribuer/", keys.assign, name="my_account_assign"),
    path("mon-compte/bons/<int:pk>/", keys.slips, name="my_account_slips"),
    path("mon-compte/enseignants/", keys.join_teacher, name="my_account_teacher"),
    path("mon-compte/retirer/<int:pk>/", keys.release, name="my_account_release"),
    path("mon-compte/informations/", details.change_person, name="my_account_person"),
    path("mon-compte/adresse/", details.settle_address, name="my_account_address"),
    path("mon-compte/etablissement/", details.choose_school, name="my_account_school"),
    path("mon-compte/etablissement/rejoindre/", details.join_school, name="my_account_join"),
    path("mon-compte/etablissement/<int:pk>/quitter/", details.leave_school, name="my_account_leave"),
    path("mon-compte/direction/", direction.ask, name="direction_ask"),
    path("direction/<str:token>/", direction.confirm, name="direction_confirm"),
    path("cle-non-recue/", lost_key.lost_key, name="lost_key"),
    path("mon-compte/mes-donnees/", privacy.download, name="my_account_data"),
    path("mon-compte/supprimer/", privacy.close, name="my_account_close"),
    path("faq/", portal.read_only("faq"), name="faq"),
    path("contact/", contact.contact, name="contact"),
    path("credits/", portal.read_only("credits"), name="credits"),
    path("mentions-legales/", portal.legal, name="legal"),
    path("accessibilite/", portal.read_only("accessibility"), name="accessibility"),
]
