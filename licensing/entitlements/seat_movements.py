"""What the movements of seats say of a day that has passed: seats themselves say who holds them today."""

from __future__ import annotations

#: SQL: how many seats the rows of `entitlements_seatevent AS event` leave held. Summed and not read from the latest
#: row: rows of one seat may have been written by requests that began in another order. `audit` compares with seats.
NET_SEATS_SQL = "coalesce(sum(CASE WHEN event.kind IN ('assigned', 'claimed') THEN 1 ELSE -1 END), 0)::bigint"
