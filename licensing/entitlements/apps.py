from django.apps import AppConfig


class EntitlementsConfig(AppConfig):
    name = "licensing.entitlements"
    label = "entitlements"
    verbose_name = "Clés et abonnements"

    def ready(self) -> None:
        """Register the renderers of the e-mails with the outbox."""
        from licensing.entitlements import emails  # noqa: F401, PLC0415 - needs the models
