"""Requests for representations and their replies, and the list of models."""

from collections.abc import Sequence
from typing import Literal

from openai.types import CreateEmbeddingResponse, Model
from openai.types import Embedding as OpenAIEmbedding
from pydantic import BaseModel

from server.wire.base import OpenAI, Texts


class Embeddings(OpenAI):
    """`POST /v1/embeddings`."""

    model: str
    input: Texts
    encoding_format: Literal["float", "base64"] = "float"


class Embedding(OpenAIEmbedding):
    """One row of `POST /v1/embeddings`."""

    embedding: list[float] | str  # type: ignore[assignment]
    """A list of numbers, or base64 of little-endian float32, which `openai`'s client decodes."""


class EmbeddingList(CreateEmbeddingResponse):
    """The reply of `POST /v1/embeddings`."""

    data: Sequence[Embedding]  # type: ignore[assignment]


class ModelList(BaseModel):
    """The reply of `GET /v1/models`."""

    object: Literal["list"] = "list"
    data: list[Model]
