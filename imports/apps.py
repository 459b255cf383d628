from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"
    verbose_name = "Tableaux"

    def ready(self) -> None:
        """Register the filter that finds audit entries of imports by school, and the tasks outside `tasks`."""
        # Here, once the models are loaded.
        from collectivities import journal_filter  # noqa: PLC0415
        from imports import on_demand_tasks, queries  # noqa: F401, PLC0415

        journal_filter.SCHOOL_CONDITIONS.append(queries.filter_entries_by_school)
