from django.apps import AppConfig


class EReportingConfig(AppConfig):
    name = "licensing.books.e_reporting"
    label = "e_reporting"
    verbose_name = "E-reporting"
