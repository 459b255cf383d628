from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "licensing.orders"
    label = "orders"
    verbose_name = "Ventes"
