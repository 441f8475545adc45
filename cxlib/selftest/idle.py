"""Users who send nothing: Locust itself leaves with 0 here."""

from __future__ import annotations

from locust import FastHttpUser, constant, task


class Idle(FastHttpUser):
    """Looks at the clock."""

    wait_time = constant(1)

    @task
    def look_up(self) -> None:
        """Nothing."""
