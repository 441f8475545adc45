"""Makes MinIO's buckets: ``python buckets.py NAME...``; those that are there stay as they are.

Environment: S3_ENDPOINT, WAIT_SECONDS (120), and boto3's own AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

from cxlib.wait import Look, wait_until

_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_NOT_YET = {"ServerNotInitialized", "XMinioServerNotInitialized", "SlowDown", "503"}


def make(client: Any, bucket: str, within: float) -> bool:
    """Make ``bucket``; whether it was made now. Waits up to ``within`` seconds for MinIO to answer.

    Raises ``WaitTimedOut``, and ``Unrecoverable`` with what MinIO says when it refuses.
    """

    def look() -> Look[bool]:
        try:
            client.create_bucket(Bucket=bucket)
        except ClientError as exc:
            code = exc.response["Error"]["Code"]
            return Look(str(exc), False, done=code in _THERE, hopeless=code not in _THERE | _NOT_YET)
        except (NotConnected, HTTPClientError) as exc:
            return Look(str(exc))
        return Look.found(True)

    return wait_until(f"bucket {bucket}", look, wanted="made", within=within)


def main(buckets: list[str]) -> None:
    """Make them all. Raises as ``make``."""
    settings = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 1})
    client = boto3.client(
        "s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="us-east-1", config=settings
    )
    for bucket in buckets:
        made = make(client, bucket, float(os.environ.get("WAIT_SECONDS", "120")))
        sys.stdout.write(f"{bucket}: {'made' if made else 'there already'}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
