from django.apps import AppConfig


class RebalancingConfig(AppConfig):
    name = "licensing.rebalancing"
    label = "rebalancing"
    verbose_name = "Rééquilibrages"
