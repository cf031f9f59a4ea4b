"""How a tool asks its client something: one way to write it, whichever era carries it.

Up to 2025-11-25 a server sends requests of its own. From 2026-07-28 on it answers
``input_required``, and the client calls again with the answers and the ``requestState``, in which
all answers so far travel, signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CreateMessageRequest,
    CreateMessageResultWithTools,
    ElicitRequest,
    ElicitResult,
    InputResponseRequestParams,
    ListRootsRequest,
    ListRootsResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

Json = dict[str, Any]
Context = ServerRequestContext[Any, Any]

KEY = secrets.token_bytes(32)
CAPABILITY = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
TYPES = {
    "elicitation/create": (ElicitRequest, ElicitResult),
    "sampling/createMessage": (CreateMessageRequest, CreateMessageResultWithTools),
    "roots/list": (ListRootsRequest, ListRootsResult),
}


def elicitation(message: str, **properties: Json) -> Json:
    """A form that asks for all of these properties."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    params = {"mode": "form", "message": message, "requestedSchema": schema}
    return {"method": "elicitation/create", "params": params}


def elicitation_by_url(message: str, url: str, elicitation_id: str) -> Json:
    params = {"mode": "url", "message": message, "url": url, "elicitationId": elicitation_id}
    return {"method": "elicitation/create", "params": params}


def sampling(prompt: str, **more: Any) -> Json:
    """A question to the client's model."""
    message = {"role": "user", "content": {"type": "text", "text": prompt}}
    return {
        "method": "sampling/createMessage",
        "params": {"messages": [message], "maxTokens": 100, **more},
    }


def roots() -> Json:
    return {"method": "roots/list", "params": {}}


class InputNeeded(Exception):
    """Ends this round: the client has to answer first, and call again."""

    def __init__(self, result: Json) -> None:
        super().__init__("input required")
        self.result = result


class Asker:
    """What one request may ask of its client."""

    def __init__(self, context: Context, params: InputResponseRequestParams) -> None:
        self._context = context
        self._modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
        self._answers: dict[str, Json] = {}
        if self._modern:
            if params.request_state is not None:
                self._answers = _unseal(params.request_state)
            for name, answer in (params.input_responses or {}).items():
                self._answers[name] = answer.model_dump(
                    by_alias=True, mode="json", exclude_none=True
                )

    @property
    def sends_requests(self) -> bool:
        """Whether this era lets a server send requests of its own, and word about them."""
        return not self._modern

    def has(self, method: str) -> bool:
        """Whether the client declared what this question needs."""
        declared = self._context.session.client_capabilities
        return declared is not None and getattr(declared, CAPABILITY[method]) is not None

    async def ask(self, questions: Mapping[str, Json]) -> dict[str, Json]:
        """The client's answer to each question, by its name.

        Raises:
            MCPError: the client did not declare that it can be asked this.
            InputNeeded: it has to be asked first.
        """
        for question in questions.values():
            if not self.has(question["method"]):
                needed = {CAPABILITY[question["method"]]: {}}
                raise MCPError(
                    MISSING_REQUIRED_CLIENT_CAPABILITY if self._modern else INVALID_PARAMS,
                    f"the client must support {', '.join(needed)}",
                    {"requiredCapabilities": needed},
                )
        if not self._modern:
            return {name: await self._send(question) for name, question in questions.items()}
        missing = {name: questions[name] for name in questions if name not in self._answers}
        if missing:
            raise InputNeeded(
                {
                    "resultType": "input_required",
                    "inputRequests": missing,
                    "requestState": _seal(self._answers),
                }
            )
        return {name: self._answers[name] for name in questions}

    async def _send(self, question: Json) -> Json:
        request_type, result_type = TYPES[question["method"]]
        result = await self._context.session.send_request(
            request_type.model_validate(question),
            result_type,
            metadata=ServerMessageMetadata(related_request_id=self._context.request_id),
        )
        answer: Json = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        return answer


def _seal(answers: dict[str, Json]) -> str:
    # A nonce, so that each round's state is another, however little is in it.
    payload = json.dumps({"answers": answers, "nonce": secrets.token_hex(8)}).encode()
    mark = hmac.digest(KEY, payload, hashlib.sha256)
    return base64.urlsafe_b64encode(mark + payload).decode()


def _unseal(state: str) -> dict[str, Json]:
    try:
        sealed = base64.b64decode(state, altchars=b"-_", validate=True)
    except ValueError:
        sealed = b""
    mark, payload = sealed[:32], sealed[32:]
    if not hmac.compare_digest(mark, hmac.digest(KEY, payload, hashlib.sha256)):
        raise MCPError(INVALID_PARAMS, "this requestState is not one of ours")
    answers: dict[str, Json] = json.loads(payload)["answers"]
    return answers
