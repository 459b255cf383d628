"""The operations on a collectivity's office, one module per subject. Callers import the module they need."""
