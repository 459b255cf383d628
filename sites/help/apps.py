from django.apps import AppConfig


class HelpConfig(AppConfig):
    name = "sites.help"
    label = "help"
    verbose_name = "Aide"
