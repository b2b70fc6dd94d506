"""Sends chat messages to an OpenAI-compatible API, stores the replies and counts their tokens.

The `openai` client sends requests and repeats them while the server is busy. A reply that is in the
journal is not requested again. The key is never written to disk.

The client reads the environment: OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_ORG_ID,
OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS, and its HTTP client reads proxies and certificates.
None of them may affect a server that the user gave by its URL, so the URL and the key are always
passed, the HTTP client does not read the environment, and headers other than `_HEADERS` are removed
from each request.
"""

from typing import Any
from urllib.parse import urlsplit

import openai

from robustness.errors import EngineError, InputError
from robustness.paraphrasing.token_cost import Spent
from robustness.storage.result_cache import Journal
from robustness.types import content_id

_TIMEOUT = openai.Timeout(120.0, connect=10.0)
_NO_KEY = "none"
"""The client needs a key; if the user has none, this one is passed and its header removed."""
_HEADERS = frozenset(
    ("host", "accept", "accept-encoding", "connection", "user-agent", "content-type",
     "content-length")
)
"""Headers that are sent besides the key; others would tell the machine and library versions."""
_RETRIES = "x-stainless-retry-count"
_LONGEST_REPLY = 200
"""Most characters of a server's error that are quoted in a message."""


class Endpoint:
    """A model of an OpenAI-compatible API."""

    def __init__(
        self,
        *,
        url: str,
        model: str,
        key: str = "",
        temperature: float = 0.5,
        journal: Journal | None = None,
        attempts: int = 6,
    ) -> None:
        """Sends nothing yet.

        Args:
            url: URL up to and including `/v1`.
            model: The model's name in the API.
            key: Bearer token; empty: the server needs none.
            temperature: Sampling temperature; 0: greedy.
            journal: Stores replies; None: they are not stored.
            attempts: How often a request is sent at most, if the server is busy.

        Raises:
            InputError: No model is named, the temperature is below 0, or the address is malformed.
        """
        if not model:
            raise InputError(f"name the model at {url}: --paraphraser-model NAME")
        if temperature < 0:
            raise InputError(f"the temperature is {temperature}; it is 0 (greedy) or more")
        self.url, self.model, self.temperature = url.rstrip("/"), model, temperature
        self._key = key
        self._attempts = attempts
        self._client = self._connected()
        # Not `journal or ...`: an empty journal is false.
        self._journal = Journal(None, resume=False) if journal is None else journal
        self._replies: dict[str, dict[str, Any]] = {}
        self.now, self.all = Spent(), Spent()
        """Tokens of this process's requests; and those of all replies, also from the journal."""
        self.retries = 0

    def _connected(self) -> openai.OpenAI:
        try:
            parts = urlsplit(self.url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("it begins with http:// or https:// and a host")
            http = openai.DefaultHttpxClient(
                trust_env=False,
                # A redirect would lead to a server that the user did not name.
                follow_redirects=False,
                event_hooks={"request": [self._strip]},
            )
            return openai.OpenAI(
                base_url=self.url, api_key=self._key or _NO_KEY, organization="", project="",
                max_retries=self._attempts - 1, timeout=_TIMEOUT, http_client=http,
            )
        except ValueError as error:
            raise InputError(f"{self.url!r} is not an address: {error}") from error

    def _strip(self, request: Any) -> None:
        """Removes headers that are not needed from a request, and counts repeated requests."""
        self.retries += request.headers.get(_RETRIES, "0") != "0"
        for name in list(request.headers):
            if name.lower() not in _HEADERS:
                del request.headers[name]
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"

    def _name(self, content: str, number: int) -> str:
        return content_id("reply", self.url, self.model, self.temperature, content, number)

    def knows(self, content: str, number: int) -> bool:
        """Whether the journal has a reply."""
        return self._journal.get(self._name(content, number)) is not None

    def ask(self, content: str, number: int = 1) -> str:
        """The model's reply to a message, from the journal or the server.

        Args:
            content: The message.
            number: Number of the reply, from 1, since a message can be sent several times.

        Raises:
            EngineError: The server does not answer, or answers with an error or in another format.
        """
        name = self._name(content, number)
        if name not in self._replies:
            found = self._journal.get(name)
            if found is None:
                found = self._reply(content)
                self._journal.keep(name, found)
                self.now = self.now.plus(found)
            self._replies[name] = found
            self.all = self.all.plus(found)
        return str(self._replies[name]["text"])

    def _reply(self, content: str) -> dict[str, Any]:
        address = f"{self.url}/chat/completions"
        reply = self._sent(address, content)
        try:
            # The client does not check that a reply fits its models.
            text = reply.choices[0].message.content
            if not isinstance(text, str):
                raise TypeError(f"its content is a {type(text).__name__}")
        except (IndexError, TypeError, AttributeError) as error:
            raise EngineError(f"{address} does not answer as OpenAI's API does: {error}") from error
        counts = [
            getattr(reply.usage, name, None) for name in ("prompt_tokens", "completion_tokens")
        ]
        first, second = (c if isinstance(c, int) else None for c in counts)
        return {"text": text, "prompt_tokens": first, "completion_tokens": second}

    def _sent(self, address: str, content: str) -> Any:
        before = self.retries
        try:
            return self._client.chat.completions.create(
                model=self.model, temperature=self.temperature,
                messages=[{"role": "user", "content": content}],
            )
        except openai.APIStatusError as error:
            attempts = 1 + self.retries - before
            tried = f" after {attempts} attempts" if attempts > 1 else ""
            raise EngineError(
                f"{address} answered {error.status_code}{tried}: "
                f"{error.response.text[:_LONGEST_REPLY]}"
            ) from error
        except openai.APIConnectionError as error:
            why = str(error.__cause__ or error) or type(error.__cause__).__name__
            raise EngineError(f"{address} does not answer: {why}") from error
        except (openai.OpenAIError, ValueError) as error:
            raise EngineError(f"{address} does not answer as OpenAI's API does: {error}") from error
