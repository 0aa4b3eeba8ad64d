"""Servers of files on this machine: HTTP with and without ranges, and S3."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@dataclass
class FileServer:
    """A server of the files in a folder.

    Attributes
    ----------
    url : str
    folder : Path
    ranges : bool
        Whether parts of files are sent.
    status : dict of str to int
        Errors by path.
    cut : dict of str to int
        Number of answers of a path that end in the middle.
    moved : dict of str to str
        Paths that others redirect to.
    sent : dict of str to int
        Bytes that were sent, by path.
    asked : list of (str, str)
        Method and path, with the query, of each request.
    """

    url: str
    folder: Path
    ranges: bool = True
    status: dict[str, int] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def address(self, name: str) -> str:
        return f"{self.url}/{name}"


@contextmanager
def file_server(folder: Path) -> Iterator[FileServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            server.asked.append((self.command, self.path))
            if path in server.moved:
                self.send_response(302)
                self.send_header("Location", server.moved[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            file = server.folder / unquote(path.lstrip("/"))
            status = server.status.get(path, 200 if file.is_file() else 404)
            data = file.read_bytes() if status == 200 else b""
            whole = len(data)
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if asked and server.ranges and status == 200:
                start, end = int(asked[1]), int(asked[2] or whole - 1) + 1
                data, status = data[start:end], 206
            self.send_response(status)
            if server.ranges:
                self.send_header("Accept-Ranges", "bytes")
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{start + len(data) - 1}/{whole}")
            self.send_header("ETag", f'"{hash(file.stat().st_mtime_ns) if whole else 0}"')
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if not body:
                return
            if server.cut.get(path):
                server.cut[path] -= 1
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return
            server.sent[path] = server.sent.get(path, 0) + len(data)
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = FileServer(f"http://127.0.0.1:{http.server_port}", folder)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Run moto's S3 on loopback; yield the environment variables of its clients."""
    pytest.importorskip("s3fs", reason="pip install 'dnabirnn[remote]'")
    server = pytest.importorskip("moto.server", reason="pip install 'moto[s3,server]'")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    try:
        yield KEYS | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    finally:
        running.stop()


def use(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands in this process read from a server of S3."""
    import s3fs

    from dnabirnn.files import remote

    remote._system.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def upload(environment: dict[str, str], bucket: str, folder: Path) -> None:
    """Put the files of a folder into a new bucket."""
    import boto3

    client = s3_client(environment)
    client.create_bucket(Bucket=bucket)
    assert boto3 is not None
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            client.upload_file(os.fspath(path), bucket, path.relative_to(folder).as_posix())


def s3_client(environment: dict[str, str]) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
