"""The object store (MinIO), as its users reach it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cxlib.errors import Unreachable


@dataclass(frozen=True, slots=True)
class Stored:
    """An object by its name, how long it is and when it was written."""

    name: str
    bytes: int
    modified: datetime


class ObjectStore:
    """One MinIO by ``host:port`` (plain HTTP) and credentials. Requests are signed (version 4)."""

    def __init__(self, endpoint: str, user: str, password: str) -> None:
        import urllib3
        from minio import Minio

        pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=3.0, read=20.0), retries=1)
        self._endpoint = endpoint
        self._client: Any = Minio(
            endpoint=endpoint,
            access_key=user,
            secret_key=password,
            secure=False,
            region="us-east-1",
            http_client=pool,
        )

    def buckets(self) -> list[str]:
        """The names of all buckets, sorted."""
        with self._told("list buckets"):
            return sorted(bucket.name for bucket in self._client.list_buckets())

    def put(self, bucket: str, name: str, content: bytes) -> None:
        """Store ``content`` as ``bucket/name``."""
        with self._told(f"put {bucket}/{name}"):
            self._client.put_object(
                bucket_name=bucket, object_name=name, data=io.BytesIO(content), length=len(content)
            )

    def get(self, bucket: str, name: str) -> bytes:
        """The bytes of ``bucket/name``."""
        with self._told(f"get {bucket}/{name}"):
            answer = self._client.get_object(bucket_name=bucket, object_name=name)
            try:
                return bytes(answer.data)
            finally:
                answer.close()
                answer.release_conn()

    def newest(self, bucket: str, prefix: str) -> Stored | None:
        """The object below ``prefix`` that was written last, or None when there is none, or no bucket."""
        with self._told(f"list {bucket}/{prefix}"):
            if not self._client.bucket_exists(bucket_name=bucket):
                return None
            found = list(self._client.list_objects(bucket_name=bucket, prefix=prefix, recursive=True))
        if not found:
            return None
        last = max(found, key=lambda one: one.last_modified)
        return Stored(last.object_name, last.size, last.last_modified)

    def remove(self, bucket: str, name: str) -> None:
        """Delete ``bucket/name``; no error when it isn't there."""
        with self._told(f"remove {bucket}/{name}"):
            self._client.remove_object(bucket_name=bucket, object_name=name)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """No exception of MinIO's client or of urllib3 leaves here."""
        import urllib3
        from minio.error import MinioException

        try:
            yield
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as exc:
            raise Unreachable(f"MinIO at {self._endpoint}: {what}: {exc}") from exc
