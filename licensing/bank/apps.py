from django.apps import AppConfig


class BankConfig(AppConfig):
    name = "licensing.bank"
    label = "bank"
    verbose_name = "Banque"
