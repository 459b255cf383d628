"""The school calendar: the holidays of each zone, and on which days one writes to a school."""
