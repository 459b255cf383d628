from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"
    verbose_name = "Tableaux"

    def ready(self) -> None:
        """Register the filter of audit entries by school, the tasks outside `tasks`, and the e-mails."""
        # Here, once the models are loaded.
        from collectivities import journal_filter  # noqa: PLC0415
        from imports import emails, on_demand_tasks, school_grants  # noqa: F401, PLC0415

        journal_filter.SCHOOL_CONDITIONS.append(school_grants.filter_entries_by_school)
        emails.register_kinds()
