from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "pages"
    verbose_name = "Pages"

    def ready(self) -> None:
        from pages import contact_emails  # noqa: F401, PLC0415 - registers its kind of e-mail
        from pages.my_account import privacy_emails  # noqa: F401, PLC0415 - registers its kind of e-mail
