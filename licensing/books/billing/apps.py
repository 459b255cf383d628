from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "licensing.books.billing"
    label = "billing"
    verbose_name = "Facturation"
