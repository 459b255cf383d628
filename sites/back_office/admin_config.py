"""Django admin's app configuration, with the back-office site as default."""

from django.contrib.admin.apps import AdminConfig


class BackOfficeAdminConfig(AdminConfig):
    default_site = "sites.back_office.site.BackOfficeSite"
