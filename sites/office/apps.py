from django.apps import AppConfig


class OfficeConfig(AppConfig):
    name = "sites.office"
    label = "office"
    verbose_name = "Bureau"
