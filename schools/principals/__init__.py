"""Verification of a school's principals through its official mailbox, and hand-over to a successor.

`operations` sends and confirms links, `emails` renders the e-mails, `schools.affiliations` records the history.
Licensing moves subscriptions on a hand-over; it calls `operations.confirm_verification`.
"""
