"""The portal with the address to which a provider of e-mail posts, which is there where one is configured."""

from config.urls_public import handler400, handler500
from config.urls_public import urlpatterns as portal_patterns
from mailing.provider_events import build_tracking_path

urlpatterns = [build_tracking_path("brevo"), *portal_patterns]
__all__ = ["handler400", "handler500", "urlpatterns"]
