from django.apps import AppConfig


class BackOfficeConfig(AppConfig):
    name = "sites.back_office"
    label = "back_office"
    verbose_name = "Exploitation"
