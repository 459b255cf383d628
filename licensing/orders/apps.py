from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "licensing.orders"
    label = "orders"
    verbose_name = "Ventes"

    def ready(self) -> None:
        """Tell the outbox how each of our letters is written."""
        from licensing.orders import (  # noqa: PLC0415 - need the models, which are loaded by now
            emails,  # noqa: F401 - registers its kinds
            money_emails,  # noqa: F401 - registers its kinds
        )
