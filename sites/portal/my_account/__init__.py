"""« Mon compte »: a principal's keys and teachers, a teacher's licence, and their personal details."""
