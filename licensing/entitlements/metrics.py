"""Keys and seats, counted as they are minted, redeemed and taken."""

from prometheus_client import Counter

from licensing.entitlements.models import SeatMode

MINTED_KEYS = Counter("peps_keys_minted", "Keys that were made, for allocations and for the shop.")
MINTED_UNITS = Counter("peps_minted_units", "Licences of the keys that were made.")
REDEEMED_KEYS = Counter("peps_keys_redeemed", "Keys that principals typed or followed.")
REDEEMED_UNITS = Counter("peps_redeemed_units", "Licences of the keys that were redeemed.")
SEATS = Counter("peps_seats_taken", "Seats that teachers received; mode: as of the seat.", ["mode"])
for _mode in SeatMode:
    SEATS.labels(_mode.value)
