from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "licensing.catalogue"
    label = "catalogue"
    verbose_name = "Catalogue"
