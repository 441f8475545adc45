"""Runs the MLflow server: waits for PostgreSQL, and takes the password from the environment.

Environment: POSTGRES_HOST, POSTGRES_PORT (5432), POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB;
ARTIFACTS (such as s3://bucket), ALLOWED_HOSTS (comma-separated, with ports), PORT (8000),
WAIT_SECONDS (120). The credentials of S3 are boto3's own variables.
"""

from __future__ import annotations

import os
from urllib.parse import quote

from cxlib.wait import Look, wait_until


def connection(environment: dict[str, str]) -> dict[str, str]:
    """libpq's parameters. Raises ``KeyError`` with the name of a variable that is missing."""
    return {
        "host": environment["POSTGRES_HOST"],
        "port": environment.get("POSTGRES_PORT", "5432"),
        "user": environment["POSTGRES_USER"],
        "password": environment["POSTGRES_PASSWORD"],
        "dbname": environment["POSTGRES_DB"],
    }


def store_uri(to: dict[str, str]) -> str:
    """SQLAlchemy's address of the store, every part quoted."""
    user, password, name = (quote(to[part], safe="") for part in ("user", "password", "dbname"))
    return f"postgresql+psycopg2://{user}:{password}@{to['host']}:{to['port']}/{name}"


def wait_for_database(to: dict[str, str], within: float) -> None:
    """Until PostgreSQL takes a connection. Raises ``WaitTimedOut`` after ``within`` seconds."""
    import psycopg2

    def look() -> Look[bool]:
        try:
            psycopg2.connect(connect_timeout=3, **to).close()
        except psycopg2.OperationalError as exc:
            return Look(str(exc).strip().splitlines()[0])
        return Look.found(True)

    wait_until("PostgreSQL", look, wanted="a connection", within=within)


def main() -> None:
    """Becomes the server: this process is replaced."""
    environment = dict(os.environ)
    to = connection(environment)
    wait_for_database(to, float(environment.get("WAIT_SECONDS", "120")))
    # By the environment, as a command line can be read by everyone on the node.
    environment["MLFLOW_BACKEND_STORE_URI"] = store_uri(to)
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    environment["MLFLOW_SERVER_ALLOWED_HOSTS"] = environment["ALLOWED_HOSTS"]
    argv = ["mlflow", "server", "--host", "0.0.0.0", "--port", environment.get("PORT", "8000")]
    argv += ["--workers", "1", "--serve-artifacts", "--artifacts-destination", environment["ARTIFACTS"]]
    os.execvpe(argv[0], argv, environment)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main()
