from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "sites.audit"
    label = "audit"
    verbose_name = "Contrôle"
