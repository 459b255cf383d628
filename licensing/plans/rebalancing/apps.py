from django.apps import AppConfig


class RebalancingConfig(AppConfig):
    name = "licensing.plans.rebalancing"
    label = "rebalancing"
    verbose_name = "Rééquilibrages"
