"""A storage of Snakemake for tests: shelf://FILE is a file in the folder named by SHELF."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from snakemake_interface_storage_plugins.storage_object import (
    StorageObjectRead,
    StorageObjectWrite,
)
from snakemake_interface_storage_plugins.storage_provider import (
    StorageProviderBase,
    StorageQueryValidationResult,
)

SCHEME = "shelf://"


class StorageProvider(StorageProviderBase):
    @classmethod
    def example_queries(cls) -> list[Any]:
        return []

    def rate_limiter_key(self, query: str, operation: object) -> None:
        return None

    def default_max_requests_per_second(self) -> float:
        return 100.0

    def use_rate_limiter(self) -> bool:
        return False

    @classmethod
    def is_valid_query(cls, query: str) -> StorageQueryValidationResult:
        return StorageQueryValidationResult(query, query.startswith(SCHEME), f"no {SCHEME}")


class StorageObject(StorageObjectRead, StorageObjectWrite):
    @property
    def path(self) -> Path:
        return Path(os.environ["SHELF"], self.local_suffix())

    def local_suffix(self) -> str:
        return self.query.removeprefix(SCHEME)

    async def inventory(self, cache: object) -> None:
        pass

    def get_inventory_parent(self) -> None:
        return None

    def cleanup(self) -> None:
        pass

    def exists(self) -> bool:
        return self.path.exists()

    def mtime(self) -> float:
        return self.path.stat().st_mtime

    def size(self) -> int:
        return self.path.stat().st_size

    def retrieve_object(self) -> None:
        shutil.copy2(self.path, self.local_path())

    def store_object(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.local_path(), self.path)

    def remove(self) -> None:
        self.path.unlink()
