"""Which encoder and which reranker a process uses, by its settings. Called once by the process context."""

import httpx

from app.errors import MnemeError
from app.inference.manifest import model_slug
from app.inference.onnx import OnnxEncoder
from app.inference.protocol import Encoder, EncoderUnavailableError
from app.inference.remote import Endpoint, RemoteEncoder
from app.inference.rerank import BoundedReranker
from app.inference.rerank_remote import RemoteReranker, RerankEndpoint
from app.settings import Settings


def load_encoder(settings: Settings) -> Encoder:
    """The encoder that `settings` choose, ready to answer; raises EncoderUnavailableError with what to do."""
    if settings.embedding_backend == "remote" or settings.embedding_url is not None:
        return _remote(settings)
    if settings.embedding_backend == "torch":
        # torch takes seconds and 300 MB to import: only a process that asked for it pays.
        from app.inference.torch import TorchEncoder  # noqa: PLC0415

        return TorchEncoder(settings.embedding_model, threads=settings.embedding_threads)
    directory = settings.model_dir / model_slug(settings.embedding_model)
    return OnnxEncoder(directory, threads=settings.embedding_threads)


def _remote(settings: Settings) -> RemoteEncoder:
    if settings.embedding_url is None or settings.embedding_dimension is None:
        raise EncoderUnavailableError("A remote encoder needs EMBEDDING_URL and EMBEDDING_DIMENSION.")
    key = settings.embedding_api_key
    endpoint = Endpoint(
        url=settings.embedding_url,
        model=settings.embedding_model,
        dimension=settings.embedding_dimension,
        api_key=key.get_secret_value() if key else None,
    )
    return RemoteEncoder(endpoint)


def load_reranker(settings: Settings) -> BoundedReranker | None:
    """The reranker that the settings name, or None when they name none. Raises MnemeError for what is no address."""
    if not settings.mneme_rerank_url:
        return None
    key = settings.mneme_rerank_key
    endpoint = RerankEndpoint(
        url=settings.mneme_rerank_url,
        model=settings.mneme_rerank_model,
        api_key=key.get_secret_value().strip() if key else None,
    )
    try:
        return BoundedReranker(RemoteReranker(endpoint))
    except httpx.InvalidURL as error:
        raise MnemeError(f"MNEME_RERANK_URL is not an address: {error}") from error
