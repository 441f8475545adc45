"""Puts a dump into MinIO and drops the oldest: ``python keep.py FILE BUCKET PREFIX HOW_MANY``.

Environment: S3_ENDPOINT, and boto3's own AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Nothing is dropped
before MinIO has said that it holds the new one whole.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import sys

import boto3
from botocore.config import Config


def main(file: str, bucket: str, prefix: str, how_many: int) -> None:
    """Raises botocore's errors, and ``SystemExit`` with a reason when MinIO holds something else."""
    settings = Config(connect_timeout=3, read_timeout=60, retries={"max_attempts": 3})
    client = boto3.client(
        "s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="us-east-1", config=settings
    )
    size = pathlib.Path(file).stat().st_size
    name = f"{prefix}{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}.dump"
    client.upload_file(file, bucket, name)
    kept = client.head_object(Bucket=bucket, Key=name)["ContentLength"]
    if not size or kept != size:
        raise SystemExit(f"{name}: {size} bytes were dumped, MinIO holds {kept}")
    sys.stdout.write(f"{name}: {size} bytes\n")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    names = sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))
    for old in names[:-how_many]:
        client.delete_object(Bucket=bucket, Key=old)
        sys.stdout.write(f"{old}: dropped\n")


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
