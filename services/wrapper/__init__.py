"""The application: serves the model that lies beside it."""
