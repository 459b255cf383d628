from django.apps import AppConfig


class TransmissionConfig(AppConfig):
    name = "licensing.books.billing.transmission"
    label = "transmission"
    verbose_name = "Transmission des factures"
