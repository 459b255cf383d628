"""What tests arrange with: one module an app."""
