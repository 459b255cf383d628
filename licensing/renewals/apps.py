from django.apps import AppConfig


class RenewalsConfig(AppConfig):
    name = "licensing.renewals"
    label = "renewals"
    verbose_name = "Reconductions"
