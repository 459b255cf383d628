"""URLs of the portal's pages that span several apps."""

from __future__ import annotations

from django.urls import path

from sites.portal import contact, home, lost_key, school_fields, sign_up, teacher_invitation
from sites.portal.key_start import views as key_start
from sites.portal.my_account import invitations, licences, page, profile, requests, returns, verification
from sites.portal.privacy import views

urlpatterns = [
    path("", home.home, name="home"),
    path("collectivites/", home.office_search, name="office_search"),
    path("inscription/", sign_up.sign_up, name="account_signup"),
    path("inscription/etablissements/", school_fields.school_choices, name="school_choices"),
    path("cle/", key_start.key_start, name="key_start"),
    path("cle/ouvrir/", key_start.open_key, name="key_open"),
    path("cle/compte/", key_start.create_account, name="key_create_account"),
    path("cle/activer/", key_start.activate_key, name="key_activate"),
    path("cle/oublier/", key_start.forget, name="key_forget"),
    path("mon-compte/", page.my_account, name="my_account"),
    path("mon-compte/licences/", page.licences_page, name="my_account_licences"),
    path("mon-compte/cle/", licences.enter_key, name="my_account_key"),
    path("mon-compte/attribuer/", licences.assign, name="my_account_assign"),
    path("mon-compte/annuler/", licences.undo, name="my_account_undo"),
    path("mon-compte/inviter/", invitations.invite, name="my_account_invite"),
    path("mon-compte/inviter/relancer/", invitations.remind, name="my_account_remind"),
    path("mon-compte/inviter/annuler/", invitations.recall, name="my_account_recall"),
    path("mon-compte/inviter/retablir/", invitations.undo_recall, name="my_account_undo_recall"),
    path("mon-compte/inviter/de-nouveau/", invitations.invite_again, name="my_account_invite_again"),
    path("mon-compte/inviter/enlever/", invitations.forget, name="my_account_forget"),
    path("mon-compte/demande/", requests.ask_principal, name="my_account_ask"),
    path("mon-compte/demande/retirer/", requests.withdraw_own, name="my_account_ask_withdraw"),
    path("mon-compte/demande/<int:pk>/refuser/", requests.refuse_teacher, name="my_account_refuse"),
    path("mon-compte/demandes/", requests.ask_collectivity, name="my_account_request"),
    path("mon-compte/demandes/retirer/", requests.withdraw_collectivity, name="my_account_request_withdraw"),
    path("mon-compte/demandes/e-mails/", requests.choose_letters, name="my_account_request_letters"),
    path("mon-compte/bons/<int:pk>/", licences.print_vouchers, name="my_account_vouchers"),
    path("mon-compte/enseignants/", licences.join_teacher, name="my_account_teacher"),
    path("mon-compte/retirer/<int:pk>/", licences.release, name="my_account_release"),
    path("mon-compte/rendre/<int:pk>/", returns.give_back, name="my_account_return"),
    path("mon-compte/rendre/annuler/", returns.undo_return, name="my_account_undo_return"),
    path("mon-compte/informations/", profile.update_profile, name="my_account_person"),
    path("mon-compte/adresse/", profile.update_pending_address, name="my_account_address"),
    path("mon-compte/etablissement/", profile.choose_school, name="my_account_school"),
    path("mon-compte/etablissement/rejoindre/", profile.join_school, name="my_account_join"),
    path("mon-compte/etablissement/<int:pk>/quitter/", profile.leave_school, name="my_account_leave"),
    path("mon-compte/direction/", verification.request_verification, name="principal_verification_request"),
    path("direction/", verification.open_link, name="principal_verification"),
    # Of 1.0.0: this link for seven days, that of an invitation for thirty.
    path("direction/<str:token>/", verification.open_link, name="principal_verification"),
    path("direction/demande/<int:pk>/", verification.confirm_verification, name="principal_verification_confirm"),
    path("invitation/", teacher_invitation.open_link, name="teacher_invitation"),
    path("invitation/<int:pk>/", teacher_invitation.accept, name="teacher_invitation_accept"),
    path("invitation/<int:pk>/connexion/", teacher_invitation.sign_in, name="teacher_invitation_sign_in"),
    path("invitation/<int:pk>/deconnexion/", teacher_invitation.sign_out, name="teacher_invitation_sign_out"),
    path("invitation/<str:token>/", teacher_invitation.open_link, name="teacher_invitation"),
    path("bienvenue/<int:seat>/", teacher_invitation.welcome, name="teacher_welcome"),
    path("cle-non-recue/", lost_key.lost_key, name="lost_key"),
    path("mon-compte/mes-donnees/", views.download_personal_data, name="my_account_data"),
    path("mon-compte/supprimer/", views.close_account_page, name="my_account_close"),
    path("contact/", contact.contact, name="contact"),
    path("credits/", home.static_page("credits"), name="credits"),
    path("mentions-legales/", home.legal, name="legal"),
]
