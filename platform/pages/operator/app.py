"""Django admin's app configuration, with the back-office site as default."""

from django.contrib.admin.apps import AdminConfig


class OperatorAdmin(AdminConfig):
    default_site = "pages.operator.site.OperatorSite"
