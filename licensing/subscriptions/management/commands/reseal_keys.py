"""`manage.py reseal_keys`: seals every code under the current sealing key, so that the older ones may be removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from licensing.subscriptions import resealing, sealing

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Batch after batch; may be stopped and started again at any moment, while the site serves."""

    help = "Rescelle toutes les clés d'activation sous la première clé de SEALING_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the size of a batch."""
        parser.add_argument("--batch", type=int, default=1000, help="clés par transaction (1000)")

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        """Reseal until nothing is left."""
        done = 0
        try:
            while count := resealing.reseal_batch(size=batch):
                done += count
        except sealing.Unsealable as missing:
            raise CommandError(
                f"SEALING_KEYS ne contient pas la clé de scellement n° {missing.under}, sous laquelle des clés sont "
                f"encore scellées. Remettez-la à la suite de la nouvelle. {done} clés rescellées, rien n'est perdu."
            ) from None
        self.stdout.write(
            f"{done} clé{'s' if done > 1 else ''} rescellée{'s' if done > 1 else ''} sous la clé de scellement "
            f"n° {sealing.current()} ; les plus anciennes peuvent être retirées de SEALING_KEYS."
        )
