"""Which encoder a process uses, by its settings. Called once by the process context."""

from app.inference.manifest import model_slug
from app.inference.onnx import OnnxEncoder
from app.inference.protocol import Encoder, EncoderUnavailableError
from app.inference.remote import Endpoint, RemoteEncoder
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
