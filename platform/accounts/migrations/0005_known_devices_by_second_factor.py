"""What a known device or network has proved, and the device's browser, which « Mes appareils » shows.

Rows of accounts and pupils that were written before are known again after the next sign-in: their digests hold the
password's version, which has a column now. Those of classes stay known.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_moments_are_held")]
    operations = [
        migrations.AddField(
            model_name="knownorigin",
            name="browser",
            field=models.CharField(db_default="", default="", max_length=60),
        ),
        migrations.AddField(
            model_name="knownorigin",
            name="by_second_factor",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="knownorigin",
            name="version",
            field=models.CharField(db_default="", default="", max_length=64),
        ),
        migrations.AlterField(
            model_name="accountevent",
            name="action",
            field=models.CharField(
                choices=[
                    ("signed_in", "Connexion"),
                    ("password_refused", "Mot de passe refusé"),
                    ("code_refused", "Code refusé"),
                    ("second_factor_on", "Double authentification activée"),
                    ("second_factor_off", "Double authentification retirée"),
                    ("recovery_codes", "Codes de secours renouvelés"),
                    ("password_changed", "Mot de passe changé"),
                    ("address_changed", "Adresse changée"),
                    ("renamed", "Nom changé"),
                    ("disabled", "Compte désactivé"),
                    ("enabled", "Compte réactivé"),
                    ("closed", "Compte supprimé par son titulaire"),
                    ("totp_removed", "Application d'authentification retirée"),
                    ("passkey_added", "Appareil de connexion enregistré"),
                    ("passkey_removed", "Appareil de connexion retiré"),
                    ("operator_created", "Compte d'exploitation créé"),
                    ("enrolment_code", "Code du serveur émis pour une première double authentification"),
                    ("key_revealed", "Clé affichée"),
                    ("books_downloaded", "Écritures comptables téléchargées"),
                    ("session_ended", "Session fermée d'ailleurs"),
                    ("device_forgotten", "Appareil connu oublié"),
                ],
                max_length=20,
                verbose_name="événement",
            ),
        ),
    ]
