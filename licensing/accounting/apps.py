from django.apps import AppConfig


class AccountingConfig(AppConfig):
    name = "licensing.accounting"
    label = "accounting"
    verbose_name = "Comptabilité"
