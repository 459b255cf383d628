from django.apps import AppConfig


class AccountingConfig(AppConfig):
    name = "licensing.books.accounting"
    label = "accounting"
    verbose_name = "Comptabilité"
