"""Operations on imports: upload, parse, edit rows, apply once, undo, cancel.

Lock order: import → pool → what pools lock. Parsing and application run in a worker, queued in the transaction that
requests them; both are idempotent.
"""
