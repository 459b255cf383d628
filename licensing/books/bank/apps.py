from django.apps import AppConfig


class BankConfig(AppConfig):
    name = "licensing.books.bank"
    label = "bank"
    verbose_name = "Banque"
