"""`manage.py reseal_keys`: reseal every secret under the current sealing key."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_tenants.utils import tenant_context

from accounts import second_factor
from core.schemas import UNREADABLE, surviving_errors
from core.sealing import UnsealError
from licensing.entitlements import code_sealing
from tenants.models import Collectivity
from webhooks import endpoints


class Command(BaseCommand):
    """Works in batches; may be interrupted and restarted at any time, while the site serves."""

    help = (
        "Rescelle les clés d'activation, les doubles authentifications, les mots de passe des élèves et les secrets "
        "des webhooks sous la première clé de SEALING_KEYS."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--batch`."""
        parser.add_argument("--batch", type=int, default=1000, help="lignes par transaction (1000)")

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        """Reseal keys, pupils' passwords, second factors and webhook secrets."""
        done, others = 0, 0
        try:
            while count := code_sealing.reseal_batch(size=batch):
                done += count
            for reseal in code_sealing.reseal_batches.values():
                while count := reseal(size=batch):
                    others += count
        except code_sealing.UnsealableCode as missing:
            raise CommandError(
                f"SEALING_KEYS ne contient pas la clé de scellement n° {missing.under}, sous laquelle des clés sont "
                f"encore scellées. Remettez-la à la suite de la nouvelle. {done} clés rescellées, rien n'est perdu."
            ) from None
        factors = self._reseal_second_factors(batch)
        unreadable: list[str] = []
        webhooks = self._reseal_webhooks(unreadable)
        if unreadable:
            raise CommandError(
                "Ces collectivités n'ont pas pu être lues, et les secrets de leurs webhooks restent sous "
                "l'ancienne clé de scellement ; tout le reste est rescellé. "
                "Gardez l'ancienne clé, réparez, puis recommencez :\n" + "\n".join(unreadable)
            )
        self.stdout.write(
            f"{done} clé{'s' if done > 1 else ''} rescellée{'s' if done > 1 else ''}, "
            f"{others} mot{'s' if others > 1 else ''} de passe d'élève, "
            f"{factors} secret{'s' if factors > 1 else ''} de double authentification "
            f"et {webhooks} secret{'s' if webhooks > 1 else ''} de webhooks sous la clé de scellement "
            f"n° {code_sealing.current_key_number()} ; les plus anciennes peuvent être retirées de SEALING_KEYS."
        )

    def _reseal_webhooks(self, unreadable: list[str]) -> int:
        """Reseal the secrets of every collectivity's webhooks; return the number of webhooks.

        A collectivity whose schema cannot be read enters `unreadable`, with the reason.
        """
        done = 0
        for collectivity in Collectivity.objects.order_by("pk"):
            try:
                with tenant_context(collectivity), surviving_errors():
                    done += endpoints.reseal()
            except UnsealError:
                raise CommandError(
                    f"SEALING_KEYS ne contient plus la clé sous laquelle des secrets de webhooks de {collectivity} "
                    "sont encore scellés. Remettez-la à la suite de la nouvelle : rien n'est perdu."
                ) from None
            except UNREADABLE as error:
                unreadable.append(f"  {collectivity.slug} : {str(error).strip()}")
        return done

    def _reseal_second_factors(self, batch: int) -> int:
        """Reseal the secrets of second factors; return their number."""
        done = last = 0
        try:
            while True:
                count, last = second_factor.reseal(after=last, size=batch)
                if not count:
                    return done
                done += count
        except UnsealError:
            raise CommandError(
                "SEALING_KEYS ne contient plus la clé sous laquelle des secrets de double authentification sont encore "
                "scellés. Remettez-la à la suite de la nouvelle : rien n'est perdu."
            ) from None
