"""One question to an OpenAI-compatible address: sent again where it is busy, kept, and counted.

The `openai` client sends, waits and sends again; here it is kept to the address that the user
named. Nothing that is on disk is asked again, and the key is never written.

The client reads the environment: OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_ORG_ID,
OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS, and its HTTP client proxies and certificates. None of
them is for an address that was named by its URL, so the URL and the key are always given, the HTTP
client does not look there, and headers other than `_HEADERS` are taken away again.
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
"""The client wants a key; where the user has none, its header is taken away."""
_HEADERS = frozenset(
    ("host", "accept", "accept-encoding", "connection", "user-agent", "content-type",
     "content-length")
)
"""What is sent besides the key: not the machine and the versions that the client would tell."""
_RETRIES = "x-stainless-retry-count"
_LONGEST_REPLY = 200
"""Characters of a refusal in the message."""


class Endpoint:
    """A model behind an address."""

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
        """Asks nothing yet.

        Args:
            url: Up to and including `/v1`.
            model: Its name there.
            key: Bearer token, where the server wants one.
            temperature: 0: greedy.
            journal: Keeps replies; None: forgets them.
            attempts: How often a request is sent at the most, where the server is busy.

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
        # An empty journal is false.
        self._journal = Journal(None, resume=False) if journal is None else journal
        self._replies: dict[str, dict[str, Any]] = {}
        self.now, self.all = Spent(), Spent()
        """Asked by this process; and with what the journal knew, each reply once."""
        self.retries = 0

    def _connected(self) -> openai.OpenAI:
        try:
            parts = urlsplit(self.url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("it begins with http:// or https:// and a host")
            http = openai.DefaultHttpxClient(
                trust_env=False,
                # A redirect would lead to an address that nobody named.
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
        """Takes away what the client sends besides the question, and counts what is sent again."""
        self.retries += request.headers.get(_RETRIES, "0") != "0"
        for name in list(request.headers):
            if name.lower() not in _HEADERS:
                del request.headers[name]
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"

    def _name(self, content: str, number: int) -> str:
        return content_id("reply", self.url, self.model, self.temperature, content, number)

    def knows(self, content: str, number: int) -> bool:
        """Whether the journal has the reply."""
        return self._journal.get(self._name(content, number)) is not None

    def ask(self, content: str, number: int = 1) -> str:
        """The reply to a message of a user.

        Args:
            content: The message.
            number: Which of several replies to the same message.

        Raises:
            EngineError: The server does not answer, refuses, or answers in another format.
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
            # The client's models are not checked against what came: a server may send anything.
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
