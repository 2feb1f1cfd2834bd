"""A bucket in a fake S3, which the tests and processes that they start find by the environment."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from carvalue.files.storage import connection

ACCESS = {"AWS_ACCESS_KEY_ID": "fake", "AWS_SECRET_ACCESS_KEY": "fake", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def fake_s3() -> Iterator[str]:
    """Start an empty fake S3; give its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    httpx.post(
        f"http://{host}:{port}/moto-api/reset"
    ).raise_for_status()  # all servers of a process share buckets
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def new_bucket(name: str, *, address: str) -> Iterator[None]:
    """Create a bucket, to which boto3 connects until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in {**ACCESS, "AWS_ENDPOINT_URL": address}.items():
            patch.setenv(variable, value)
        connection._client.cache_clear()
        with closing(boto3.client("s3")) as client:
            client.create_bucket(Bucket=name)
        yield
    connection._client.cache_clear()
