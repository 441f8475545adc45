"""Makes MinIO's buckets: ``python buckets.py NAME...``; those that are there stay as they are.

Environment: S3_ENDPOINT, WAIT_SECONDS (120), and boto3's own AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
"""

from __future__ import annotations

import os
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

_EVERY_SECONDS = 1.0
_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_NOT_YET = {"ServerNotInitialized", "XMinioServerNotInitialized", "SlowDown", "503"}


def make(client: object, bucket: str, within: float) -> bool:
    """Make ``bucket``; whether it was made now. Waits up to ``within`` seconds for MinIO to answer."""
    deadline = time.monotonic() + within
    while True:
        try:
            client.create_bucket(Bucket=bucket)  # type: ignore[attr-defined]
            return True
        except ClientError as exc:
            code = exc.response["Error"]["Code"]
            if code in _THERE:
                return False
            if code not in _NOT_YET or time.monotonic() >= deadline:
                raise
            print(f"waiting for MinIO: {code}", file=sys.stderr)
        except (EndpointConnectionError, HTTPClientError) as exc:
            if time.monotonic() >= deadline:
                raise
            print(f"waiting for MinIO: {exc}", file=sys.stderr)
        time.sleep(_EVERY_SECONDS)


def main(buckets: list[str]) -> None:
    settings = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 1})
    client = boto3.client(
        "s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="us-east-1", config=settings
    )
    for bucket in buckets:
        made = make(client, bucket, float(os.environ.get("WAIT_SECONDS", "120")))
        print(f"{bucket}: {'made' if made else 'there already'}")


if __name__ == "__main__":
    main(sys.argv[1:])
