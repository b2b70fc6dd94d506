"""The pydantic models of the API's requests and replies, a file for each group.

Requests in OpenAI's format ignore unknown keys that do not change the answer, and reject known ones
that would but are not offered; requests in this project's format reject every unknown key. Replies
in OpenAI's format are the `openai` package's models, and a reply that is one of the library's
dataclasses (a `Prediction`, a `Job`) is described by it; the other replies have their models here.
"""
