"""Django's admin, with the operator's site in place of its own."""

from django.contrib.admin.apps import AdminConfig


class OperatorAdmin(AdminConfig):
    default_site = "pages.operator.site.OperatorSite"
