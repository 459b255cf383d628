"""Who leads a school, shown by its official mailbox: a link asked for, confirmed there, and the hand-over it may be.

`links` makes the secret of a link, `operations` asks and confirms, `emails` writes the letters, `events` keeps what
happened. What a hand-over does to subscriptions is done by licensing, which calls `operations.confirm`.
"""
