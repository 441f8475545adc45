"""Takes a machine-learning model from nothing to production and proves every step."""
