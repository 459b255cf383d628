from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "licensing.billing"
    label = "billing"
    verbose_name = "Facturation"

    def ready(self) -> None:
        """Register the renderers of the e-mails with the outbox."""
        from licensing.billing import emails  # noqa: F401, PLC0415 - needs the models
