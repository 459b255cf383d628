from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "licensing.billing"
    label = "billing"
    verbose_name = "Facturation"
