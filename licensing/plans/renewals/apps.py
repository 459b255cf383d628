from django.apps import AppConfig


class RenewalsConfig(AppConfig):
    name = "licensing.plans.renewals"
    label = "renewals"
    verbose_name = "Reconductions"
