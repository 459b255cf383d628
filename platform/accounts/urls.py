"""URLs of sign-in, passwords and second factor, served at every host; a session is bound to its host."""

from allauth.account import views as allauth_views
from django.urls import path, re_path

from accounts import views
from accounts.second_factor import may_enrol
from accounts.views import (
    ConfirmAddressView,
    NewPasswordView,
    PasswordResetRequestView,
    SignOutView,
    open_confirmation_link,
    open_reset_link,
    show_devices,
)
from web.access import public_page, signed_in

urlpatterns = [
    path("connexion/", public_page(allauth_views.login), name="account_login"),
    path("deconnexion/", public_page(SignOutView.as_view()), name="account_logout"),
    path("mot-de-passe/", signed_in(allauth_views.password_change), name="account_change_password"),
    path("mot-de-passe/oublie/", public_page(PasswordResetRequestView.as_view()), name="account_reset_password"),
    path(
        "mot-de-passe/oublie/envoye/",
        public_page(allauth_views.password_reset_done),
        name="account_reset_password_done",
    ),
    path("mot-de-passe/nouveau/", public_page(open_reset_link), name="account_reset_password_from_key"),
    # The page without its key, and links of 1.0.0, which are valid for three days, as the next ones.
    # The key contains a hyphen: `uidb36` ends at the first one.
    re_path(
        r"^mot-de-passe/nouveau/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",
        public_page(NewPasswordView.as_view()),
        name="account_reset_password_from_key",
    ),
    path(
        "mot-de-passe/nouveau/fait/",
        public_page(allauth_views.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    path(
        "adresse/a-confirmer/",
        public_page(allauth_views.email_verification_sent),
        name="account_email_verification_sent",
    ),
    path("adresse/confirmer/", public_page(open_confirmation_link), name="account_confirm_email"),
    path("adresse/confirmer/<key>/", public_page(ConfirmAddressView.as_view()), name="account_confirm_email"),
    path("compte-inactif/", public_page(allauth_views.account_inactive), name="account_inactive"),
    path("verification/", signed_in(allauth_views.reauthenticate), name="account_reauthenticate"),
    path("securite/", signed_in(views.SecondFactorView.as_view()), name="mfa_index"),
    path("securite/appareils/", show_devices, name="account_devices"),
    # Reachable only after the password; allauth redirects all others to the sign-in page.
    path("securite/code/", public_page(views.SignInCodeView.as_view()), name="mfa_authenticate"),
    path("securite/verification/", signed_in(views.ConfirmCodeView.as_view()), name="mfa_reauthenticate"),
    path("securite/code-du-serveur/", signed_in(views.EnrolmentCodeView.as_view()), name="enrolment_code"),
    path("securite/activer/", may_enrol(views.EnableTotpView.as_view()), name="mfa_activate_totp"),
    path("securite/desactiver/", signed_in(views.DisableTotpView.as_view()), name="mfa_deactivate_totp"),
    path("connexion/cle-acces/", public_page(views.PasskeyAloneView.as_view()), name="mfa_login_webauthn"),
    path(
        "verification/cle-acces/",
        signed_in(views.ConfirmPasskeyView.as_view()),
        name="mfa_reauthenticate_webauthn",
    ),
    path("securite/cles/ajouter/", may_enrol(views.AddPasskeyView.as_view()), name="mfa_add_webauthn"),
    path(
        "securite/cles/<int:pk>/nom/",
        signed_in(views.RenamePasskeyView.as_view()),
        name="mfa_edit_webauthn",
    ),
    path(
        "securite/cles/<int:pk>/retirer/",
        signed_in(views.RemovePasskeyView.as_view()),
        name="mfa_remove_webauthn",
    ),
    path("securite/codes/", signed_in(views.RecoveryCodesView.as_view()), name="mfa_view_recovery_codes"),
    path(
        "securite/codes/nouveaux/",
        signed_in(views.RenewRecoveryCodesView.as_view()),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "securite/codes/fichier/",
        signed_in(views.RecoveryCodesFileView.as_view()),
        name="mfa_download_recovery_codes",
    ),
]
