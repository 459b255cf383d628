"""URLs of the portal (BASE_DOMAIN)."""

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from mailing.provider_events import build_tracking_path
from web import security_txt

admin.autodiscover()
urlpatterns = [
    path("admin/", admin.site.urls),
    path(security_txt.PATH, security_txt.security_txt, name="security_txt"),
    path("", include("accounts.urls")),
    path("", include("collectivities.urls_portal")),
    path("", include("licensing.catalogue.urls")),
    path("", include("licensing.classes.urls_application")),
    path("", include("licensing.classes.urls")),
    path("", include("licensing.reminders.urls_portal")),
    path("", include("sites.help.urls")),
    path("", include("sites.portal.urls")),
]
if apps.is_installed("sites.demo"):
    urlpatterns.append(path("", include("sites.demo.urls")))

if settings.MAIL_PROVIDER:
    urlpatterns.append(build_tracking_path(settings.MAIL_PROVIDER))

handler400 = "web.outage.bad_request"
handler500 = "licensing.classes.api.server_error"
