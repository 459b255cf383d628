from django.apps import AppConfig


class HelpConfig(AppConfig):
    name = "sites.help"
    label = "help"
    verbose_name = "Aide"

    def ready(self) -> None:
        """Say to the frame of the pages where the help of each is."""
        from sites.help.places import PLACES  # noqa: PLC0415 - the registry of apps must be complete
        from web import help_places  # noqa: PLC0415

        help_places.register(PLACES)
