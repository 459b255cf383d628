"""URLs at the root of an office's host."""

from django.urls import include, path

from collectivities.views import invitations, journal, office_settings

urlpatterns = [
    path("membres/", include("collectivities.urls.members")),
    path("ecoles/", include("collectivities.urls.portfolio")),
    path("invitation/<str:token>/", invitations.accept, name="invitation"),
    path("reglages/", office_settings.edit_settings, name="office_settings"),
    path("reglages/api/", include("collectivities.urls.tokens")),
    path("reglages/webhooks/", include("collectivities.urls.webhooks")),
    path("reglages/securite/", office_settings.edit_second_factor, name="office_second_factor"),
    path("logo.png", office_settings.download_logo, name="logo"),
    path("journal/", journal.journal, name="journal"),
    path("journal/export/", journal.export, name="journal_export"),
]
