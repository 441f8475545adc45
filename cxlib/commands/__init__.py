"""The verbs of `cx`, one file each."""
