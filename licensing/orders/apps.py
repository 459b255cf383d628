from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "licensing.orders"
    label = "orders"
    verbose_name = "Ventes"

    def ready(self) -> None:
        """Register the renderers of the e-mails with the outbox, and which orders are under review."""
        from licensing.entitlements import order_review  # noqa: PLC0415 - needs the models
        from licensing.orders import emails, queries  # noqa: F401, PLC0415 - need the models

        order_review.register(queries.find_orders_under_review)
