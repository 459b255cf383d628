from django.apps import AppConfig


class RequestsConfig(AppConfig):
    name = "licensing.requests"
    label = "requests"
    verbose_name = "Demandes de licences"

    def ready(self) -> None:
        """Register the e-mails, who asks for licences, and what a given or taken back seat means for a request."""
        from licensing.entitlements import seat_holders  # noqa: PLC0415 - needs the models
        from licensing.pools import asking_schools  # noqa: PLC0415 - needs the models
        from licensing.requests import emails  # noqa: F401, PLC0415 - needs the models
        from licensing.requests.operations.teacher_requests import answer_served, reopen  # noqa: PLC0415 - needs the models
        from licensing.requests.queries import find_asking_schools  # noqa: PLC0415 - needs the models

        asking_schools.register(find_asking_schools)
        seat_holders.register_listener(answer_served)
        seat_holders.register_undo_listener(reopen)
