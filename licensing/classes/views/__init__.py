"""Pages of teachers and of pupils: each view makes one operation call."""
