"""All settings of a process, read once from the environment and frozen. Tuning constants live in the policy instead."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_home() -> Path:
    """`~/.mneme`, or `/var/lib/mneme` for root."""
    return Path("/var/lib/mneme") if os.geteuid() == 0 else Path.home() / ".mneme"


class Settings(BaseSettings):
    """One frozen model. Environment names are the field names in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    # where
    mneme_home: Path = Field(default_factory=default_home)
    mneme_host: str = "127.0.0.1"
    mneme_port: Annotated[int, Field(ge=0, le=65535)] = 8000
    mneme_url: str | None = None  # CLI: address of a running service
    mneme_api_key: SecretStr | None = None  # CLI: its key

    # stores; unset means embedded
    database_url: SecretStr | None = None  # role mneme_app
    migration_database_url: SecretStr | None = None  # a role that may create roles; used by `mneme migrate` only
    redis_url: SecretStr | None = None
    qdrant_url: str | None = None
    qdrant_api_key: SecretStr | None = None
    qdrant_timeout: Annotated[float, Field(gt=0)] = 5.0  # seconds

    mneme_embedded: bool = False  # set by `mneme serve` for its own processes: PostgreSQL lies in MNEME_HOME

    # encoder
    embedding_model: str = "all-MiniLM-L6-v2"
    embedding_backend: Literal["onnx", "torch", "remote"] = "onnx"
    embedding_url: str | None = None  # an OpenAI-compatible /v1/embeddings; selects the remote back end
    embedding_api_key: SecretStr | None = None
    embedding_dimension: int | None = None  # needed for the remote back end
    embedding_threads: Annotated[int, Field(ge=1, le=64)] = 1
    mneme_model_dir: Path | None = None  # exported models; default MNEME_HOME/models

    # model provider (optional)
    llm_base_url: str | None = None
    llm_model: str | None = None
    llm_api_key: SecretStr | None = None
    llm_timeout: Annotated[float, Field(gt=0, le=110)] = 30.0  # seconds for one segment, retries included
    llm_max_concurrency: Annotated[int, Field(ge=1, le=64)] = 4  # calls of one process at once
    llm_tokens_per_minute: Annotated[int, Field(ge=0)] = 0  # of one process, in and out; 0 = no limit
    llm_daily_tokens: Annotated[int, Field(ge=0)] = 0  # the same for a UTC day

    # cross-encoder for the first items of a recall (optional; the policy says for how many)
    mneme_rerank_url: str | None = None
    mneme_rerank_model: str | None = None
    mneme_rerank_key: SecretStr | None = None

    # processes and limits
    database_pool: Annotated[int, Field(ge=1, le=200)] = 12
    worker_concurrency: Annotated[int, Field(ge=1, le=64)] = 1
    request_threads: Annotated[int, Field(ge=1, le=200)] = 8
    rate_limit_per_minute: Annotated[int, Field(ge=0)] = 0  # requests per key; 0 = off
    body_limit_bytes: int = 1_048_576
    events_body_limit_bytes: int = 8_388_608
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 0  # after SIGTERM, not ready but serving
    worker_metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None  # a worker has no other port
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def embedded(self) -> bool:
        """True when the stores are ours to start (no DATABASE_URL)."""
        return self.database_url is None

    @property
    def model_dir(self) -> Path:
        return self.mneme_model_dir or self.mneme_home / "models"
