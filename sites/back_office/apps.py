"""App configurations: the back office, and Django's admin with our site in place of its own."""

from typing import Any

from django.apps import AppConfig

# The module and not the class, which Django would take for one of this app's configurations.
from django.contrib.admin import apps as admin_apps
from django.contrib.admin import autodiscover
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class BackOfficeConfig(AppConfig):
    default = True
    name = "sites.back_office"
    label = "back_office"
    verbose_name = "Exploitation"


class BackOfficeAdminConfig(admin_apps.SimpleAdminConfig):
    """Its pages are loaded with the portal's URLs, not by each process that starts (docs/decisions/0197)."""

    default = False
    default_site = "sites.back_office.site.BackOfficeSite"

    def ready(self) -> None:
        """Register Django's checks of the admin, which load its pages."""
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    """Return what Django finds wrong with the pages."""
    autodiscover()
    return check_admin_app(app_configs, **options)
