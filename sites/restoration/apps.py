from django.apps import AppConfig


class RestorationConfig(AppConfig):
    name = "sites.restoration"
    label = "restoration"
    verbose_name = "Restauration"
