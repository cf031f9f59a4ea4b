"""Routes as data, and finding the one a request means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from core.web.exchange import Request, Response

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Route(Generic[S]):
    """One method of one path; ``template`` may hold ``{placeholders}``, each one segment.

    The dispatcher, the guard's tests, the metrics' labels and the OpenAPI document all read this.
    """

    method: str
    template: str
    handler: Callable[[S, Request], Awaitable[Response]]
    summary: str
    needs_key: bool = True
    by_visit: bool = True  # whether a browser that was let in needs no key
    data: type | None = None  # of the answer, inside the envelope where there is one
    body: type | None = None  # of the request, as JSON
    query: Mapping[str, str] = field(default_factory=dict)  # what each field means
    produces: tuple[str, ...] = ("application/json",)
    status: int = 200  # of success


@dataclass(frozen=True, slots=True)
class Found(Generic[S]):
    """The path exists; ``route`` is None when it does not know the method."""

    template: str
    needs_key: bool
    by_visit: bool
    allowed: str
    route: Route[S] | None
    params: Mapping[str, str]


class Router(Generic[S]):
    """Finds routes by path; templates are compared segment by segment."""

    def __init__(self, routes: Iterable[Route[S]]) -> None:
        self._plain: dict[str, dict[str, Route[S]]] = {}
        self._templated: dict[tuple[str, ...], dict[str, Route[S]]] = {}
        for route in routes:
            if "{" in route.template:
                self._templated.setdefault(tuple(route.template.split("/")), {})[route.method] = (
                    route
                )
            else:
                self._plain.setdefault(route.template, {})[route.method] = route

    def find(self, method: str, path: str) -> Found[S] | None:
        """None: there is no such path."""
        methods = self._plain.get(path)
        if methods is not None:
            return _found(path, methods, method, {})
        segments = path.split("/")
        for template, candidates in self._templated.items():
            params = _fit(template, segments)
            if params is not None:
                return _found("/".join(template), candidates, method, params)
        return None


def _found(
    template: str, methods: Mapping[str, Route[S]], method: str, params: Mapping[str, str]
) -> Found[S]:
    every = methods.values()
    return Found(
        template,
        any(route.needs_key for route in every),
        all(route.by_visit for route in every),
        ", ".join(sorted(methods)),
        methods.get(method),
        params,
    )


def _fit(template: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    params = {}
    for wanted, got in zip(template, segments, strict=True):
        if wanted.startswith("{"):
            if not got:
                return None
            params[wanted[1:-1]] = got
        elif wanted != got:
            return None
    return params
