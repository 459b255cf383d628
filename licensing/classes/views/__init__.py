"""Views of teachers' and pupils' pages; each makes one operation call."""
