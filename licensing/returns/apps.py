from django.apps import AppConfig


class ReturnsConfig(AppConfig):
    name = "licensing.returns"
    label = "returns"
    verbose_name = "Licences rendues"
