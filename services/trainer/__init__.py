"""The sample model's trainer: takes an order, answers at once, trains in the background."""
