from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "sites.portal"
    label = "portal"
    verbose_name = "Portail"

    def ready(self) -> None:
        """Register the renderers of the e-mails with the outbox."""
        from sites.portal import contact_emails  # noqa: F401, PLC0415 - registers its kind of e-mail
        from sites.portal.privacy import emails  # noqa: F401, PLC0415 - registers its kind of e-mail
