"""Observations in, verdict out: pure functions, no clock, no network, no environment."""
