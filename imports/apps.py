from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"
    verbose_name = "Tableaux"

    def ready(self) -> None:
        """Register the filter that finds audit entries of imports by school."""
        from collectivities import journal  # noqa: PLC0415 - once the models are loaded
        from imports import stories  # noqa: PLC0415

        journal.SPEAKING_OF.append(stories.speaking_of)
