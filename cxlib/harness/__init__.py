"""What makes `pytest features/` a harness: collection, choice, progress, summary, diagnostics."""
