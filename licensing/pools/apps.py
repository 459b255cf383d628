from django.apps import AppConfig


class PoolsConfig(AppConfig):
    name = "licensing.pools"
    label = "pools"
    verbose_name = "Lots et attributions"
