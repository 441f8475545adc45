"""One module a pipeline stage: look, compare with what should be, do the difference, look again."""
