from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "licensing.orders"
    label = "orders"
    verbose_name = "Ventes"

    def ready(self) -> None:
        """Register the renderers of the e-mails with the outbox."""
        from licensing.orders import (  # noqa: PLC0415 - they import models
            emails,  # noqa: F401 - registers its kinds
            money_emails,  # noqa: F401 - registers its kinds
        )
