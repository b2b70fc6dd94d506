"""One question to an OpenAI-compatible address: asked again where it is busy, kept, and counted.

Refuses to choose an address, and to ask again what is on disk. The key is never written.
"""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from robustness.errors import EngineError, InputError
from robustness.paraphrasing.token_cost import Spent
from robustness.storage.result_cache import Journal
from robustness.types import content_id

ATTEMPTS = 6
_TIMEOUT = httpx.Timeout(120.0, connect=10.0)
_LONGEST_WAIT = 60.0


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
        attempts: int = ATTEMPTS,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Asks nothing yet.

        Args:
            url: Up to and including `/v1`.
            model: Its name there.
            key: Bearer token, where the server wants one.
            temperature: 0: greedy.
            journal: Keeps replies; None: forgets them.
            attempts: How often a request is sent at the most, where the server is busy.
            wait: Sleeps for so many seconds.

        Raises:
            InputError: No model is named, or the temperature is below 0.
        """
        if not model:
            raise InputError(f"name the model at {url}: --paraphraser-model NAME")
        if temperature < 0:
            raise InputError(f"the temperature is {temperature}; it is 0 (greedy) or more")
        self.url, self.model, self.temperature = url.rstrip("/"), model, temperature
        self._key, self._attempts, self._wait = key, attempts, wait
        # An empty journal is false.
        self._journal = Journal(None, resume=False) if journal is None else journal
        self._replies: dict[str, dict[str, Any]] = {}
        self.now, self.all = Spent(), Spent()
        """Asked by this process; and with what the journal knew, each reply once."""
        self.retries = 0

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
            InputError: The address is malformed.
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
            document = reply.json()
            text = document["choices"][0]["message"]["content"]
            usage = document.get("usage") or {}
            if not isinstance(text, str):
                raise TypeError(f"its content is a {type(text).__name__}")
            counts = [usage.get(k) for k in ("prompt_tokens", "completion_tokens")]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise EngineError(f"{address} does not answer as OpenAI's API does: {error}") from error
        first, second = (c if isinstance(c, int) else None for c in counts)
        return {"text": text, "prompt_tokens": first, "completion_tokens": second}

    def _sent(self, address: str, content: str) -> httpx.Response:
        body = {
            "model": self.model, "temperature": self.temperature,
            "messages": [{"role": "user", "content": content}],
        }
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            pause = min(_LONGEST_WAIT, 2.0 ** (attempt - 1))
            try:
                reply = httpx.post(address, json=body, headers=headers, timeout=_TIMEOUT)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise InputError(f"{self.url!r} is not an address: {error}") from error
            except httpx.HTTPError as error:
                # Nobody listens there: that does not change by waiting.
                if last or isinstance(error, httpx.ConnectError):
                    why = str(error) or type(error).__name__
                    raise EngineError(f"{address} does not answer: {why}") from error
            else:
                if reply.is_success:
                    return reply
                busy = reply.status_code == 429 or reply.status_code >= 500
                if last or not busy:
                    tried = f" after {attempt} attempts" if attempt > 1 else ""
                    raise EngineError(
                        f"{address} answered {reply.status_code}{tried}: {reply.text[:200]}"
                    )
                pause = _asked_for(reply, pause)
            self.retries += 1
            self._wait(pause)
        raise EngineError(f"{address} was asked no times; attempts is {self._attempts}")


def _asked_for(reply: httpx.Response, pause: float) -> float:
    """Seconds that `Retry-After` asks for, within reason; else the given ones."""
    given = reply.headers.get("Retry-After", "")
    try:
        seconds = float(given)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(given).timestamp() - time.time()
        except (ValueError, TypeError):
            return pause
    return min(_LONGEST_WAIT, max(0.0, seconds))
