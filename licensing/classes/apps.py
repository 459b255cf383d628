from django.apps import AppConfig


class ClassesConfig(AppConfig):
    name = "licensing.classes"
    label = "classes"
    verbose_name = "Classes et élèves"
