"""App configurations: the back office, and Django's admin with our site in place of its own."""

from django.apps import AppConfig

# The module and not the class, which Django would take for one of this app's configurations.
from django.contrib.admin import apps as admin_apps


class BackOfficeConfig(AppConfig):
    default = True
    name = "sites.back_office"
    label = "back_office"
    verbose_name = "Exploitation"


class BackOfficeAdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "sites.back_office.site.BackOfficeSite"
