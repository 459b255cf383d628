"""Operations on bank statements. Each locks the line first, then the orders; nothing is booked without a person."""

from licensing.bank.operations.bookings import book_line, set_line_aside, take_line_back
from licensing.bank.operations.uploads import MAX_FILE_BYTES, receive_file, store_statements

__all__ = [
    "MAX_FILE_BYTES",
    "book_line",
    "receive_file",
    "set_line_aside",
    "store_statements",
    "take_line_back",
]
