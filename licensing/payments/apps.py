from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "licensing.payments"
    label = "payments"
    verbose_name = "Règlements"

    def ready(self) -> None:
        """Register the renderers of the e-mails with the outbox."""
        from licensing.payments import emails  # noqa: F401, PLC0415 - needs the models
