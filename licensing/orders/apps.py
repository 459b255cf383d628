from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "licensing.orders"
    label = "orders"
    verbose_name = "Ventes"

    def ready(self) -> None:
        """Register the renderers of the e-mails with the outbox."""
        from licensing.orders import emails  # noqa: F401, PLC0415 - needs the models
