"""What happens to accounts, counted by kind: sign-ins, refused passwords and codes, second factors."""

from prometheus_client import Counter

from accounts.models import AccountEvent

EVENTS = Counter("peps_account_events", "Entries of the accounts' journal.", ["action"])
for _action in AccountEvent.Action:
    # 0 from the start: the first refusal would else be no increase.
    EVENTS.labels(_action.value)
