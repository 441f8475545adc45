"""What runs inside the Locust child process. Nothing else of the project may import it."""
