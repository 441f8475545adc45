"""The sample model's evaluator: scores a run's model on held-out data, registers what is good enough."""
