"""The step functions, by domain: one line of Gherkin, one call."""
