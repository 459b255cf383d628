from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "pages"
    verbose_name = "Pages"

    def ready(self) -> None:
        from pages import contact_emails  # noqa: F401, PLC0415 - registers how the contact page's e-mail is written
        from pages.my_account import privacy_emails  # noqa: F401, PLC0415 - and the last letter of an account
