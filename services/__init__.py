"""What runs in the cluster: the sample model's trainer, evaluator and wrapper, and the workflows' tasks."""
