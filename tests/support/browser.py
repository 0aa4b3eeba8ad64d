"""A page in headless Chromium, over the WebDriver protocol: its console, its requests."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1100,1400",
]


class Page:
    """A page that is open."""

    def __init__(self, session: str) -> None:
        self._session = session

    def ask(self, command: str, **parameters: Any) -> Any:
        """Send a command of the WebDriver protocol."""
        return _post(f"{self._session}/{command}", parameters)

    def run(self, script: str) -> Any:
        """What a script returns."""
        return self.ask("execute/sync", script=script, args=[])

    def console(self) -> list[str]:
        """What was written on the console."""
        return [entry["message"] for entry in self.ask("se/log", type="browser")]

    def requests(self) -> list[str]:
        """Addresses that were asked for."""
        events = [json.loads(entry["message"]) for entry in self.ask("se/log", type="performance")]
        return [
            event["message"]["params"]["request"]["url"]
            for event in events
            if event["message"]["method"] == "Network.requestWillBeSent"
        ]

    def screenshot(self, path: Path) -> None:
        """Write what is seen as PNG."""
        with _open(f"{self._session}/screenshot") as answer:
            path.write_bytes(base64.b64decode(json.load(answer)["value"]))


def _open(url: str, data: bytes | None = None, method: str | None = None) -> Any:
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=60)


def _post(url: str, parameters: dict[str, Any]) -> Any:
    with _open(url, json.dumps(parameters).encode()) as answer:
        return json.load(answer)["value"]


@contextmanager
def chromium(path: Path, profile: Path) -> Iterator[Page]:
    """Open a file; skips where there is no Chromium and no chromedriver."""
    driver = shutil.which("chromedriver")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if driver is None or browser is None:
        pytest.skip("no chromium and chromedriver here: apt-get install chromium chromium-driver")
    process = subprocess.Popen(
        [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        started = next(
            filter(
                None, (re.search(r"successfully on port (\d+)", line) for line in process.stdout)
            )
        )
        wanted = {
            "goog:chromeOptions": {
                "binary": browser,
                "args": [*_ARGUMENTS, f"--user-data-dir={profile}"],
            },
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        root = f"http://127.0.0.1:{started[1]}/session"
        made = _post(root, {"capabilities": {"alwaysMatch": wanted}})
        page = Page(f"{root}/{made['sessionId']}")
        try:
            # The page that a fresh profile shows asks for much; what it said is read and gone.
            page.ask("url", url="about:blank")
            page.console(), page.requests()
            page.ask("url", url=path.resolve().as_uri())
            yield page
        finally:
            _open(page._session, method="DELETE").close()
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()
