"""Members choose their letters; a letter is claimed before it is queued. In the current office's schema."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping

from django.db import transaction

from collectivities.letters import find_wanted
from collectivities.models import Letter, LetterChoice, Member, MemberLetter
from core.connections import connection

_TABLE = MemberLetter._meta.db_table  # noqa: SLF001 - documented
# In the order of the members: two workers that write to the same ones wait, and never for each other.
_CLAIM = f"""
INSERT INTO {_TABLE} (member_id, letter, period, queued_at, lines)
SELECT member_id, %s, %s, %s, string_to_array(lines, ' ')
FROM unnest(%s::bigint[], %s::text[]) AS letter (member_id, lines)
ORDER BY member_id
ON CONFLICT (member_id, letter, period) DO NOTHING RETURNING member_id, id
"""  # noqa: S608 - the table's own name


@transaction.atomic
def choose_letters(*, member: Member, wanted: Mapping[Letter, bool], at: datetime.datetime) -> list[Letter]:
    """Have these letters sent to the member, or not, and return those whose choice changed. Idempotent."""
    before = find_wanted(member)
    changed = [letter for letter, is_wanted in wanted.items() if before.get(letter) is not is_wanted]
    # In one order for everybody.
    rows = [
        LetterChoice(member=member, letter=letter, is_wanted=wanted[letter], chosen_at=at) for letter in sorted(changed)
    ]
    LetterChoice.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["member", "letter"], update_fields=["is_wanted", "chosen_at"]
    )
    return changed


def claim_letters(
    lines: Mapping[int, Collection[str]], letter: Letter, *, period: datetime.date, at: datetime.datetime
) -> dict[int, int]:
    """Claim a letter of a period for members; return by member the number of it, for those who had none.

    `lines`: by member, the hashes of what the letter says.

    In the transaction that queues the e-mails: whoever comes second waits for its end, and then does not write.
    Lock order: after all rows that the letter is about, before due work.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [letter.value, period, at, list(lines), [" ".join(one) for one in lines.values()]])
        return dict(cursor.fetchall())
