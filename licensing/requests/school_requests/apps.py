from django.apps import AppConfig


class RequestsConfig(AppConfig):
    name = "licensing.requests.school_requests"
    label = "requests"
    verbose_name = "Demandes de licences"
