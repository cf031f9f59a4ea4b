"""Finding the route a request means."""

from __future__ import annotations

import pytest

from core.web.exchange import Request, Response
from core.web.routes import ROUTES
from core.web.routing import Route, Router


async def nothing(_: None, __: Request) -> Response:
    return Response(204, b"")


ROUTER = Router(
    [
        Route("GET", "/a", nothing, "plain", needs_key=False),
        Route("GET", "/b/{x}", nothing, "one"),
        Route("POST", "/b/{x}", nothing, "one, written"),
        Route("GET", "/b/{x}/c/{y}", nothing, "two"),
    ]
)


@pytest.mark.parametrize(
    ("path", "template", "params"),
    [
        ("/a", "/a", {}),
        ("/b/one", "/b/{x}", {"x": "one"}),
        ("/b/..", "/b/{x}", {"x": ".."}),
        ("/b/1/c/2", "/b/{x}/c/{y}", {"x": "1", "y": "2"}),
    ],
)
def test_paths_that_exist(path: str, template: str, params: dict[str, str]) -> None:
    """Placeholders take exactly one segment each."""
    found = ROUTER.find("GET", path)
    assert found is not None
    assert (found.template, found.params) == (template, params)
    assert found.route is not None
    assert found.route.method == "GET"


@pytest.mark.parametrize("path", ["", "/", "/A", "/a/", "/b", "/b/", "/b/1/", "/b/1/c", "/b//c/2"])
def test_paths_that_do_not(path: str) -> None:
    """Nothing is guessed: case, slashes and empty segments count."""
    assert ROUTER.find("GET", path) is None


def test_a_path_that_exists_with_another_method() -> None:
    """Says which methods there are, for the Allow header, and that the key is needed."""
    found = ROUTER.find("DELETE", "/b/one")
    assert found is not None
    assert found.route is None
    assert found.allowed == "GET, POST"
    assert found.needs_key


def test_the_product_routes_are_each_findable() -> None:
    """Every route of the table is reached by its own path, and no two are the same."""
    router = Router(ROUTES)
    for route in ROUTES:
        found = router.find(route.method, route.template.replace("{name}", "some-server"))
        assert found is not None
        assert found.route is route
    assert len({(route.method, route.template) for route in ROUTES}) == len(ROUTES)


def test_only_health_checks_and_the_way_in_are_open() -> None:
    """A new route needs the key unless somebody decides otherwise here."""
    open_ones = {route.template for route in ROUTES if not route.needs_key}
    page = {"/ui", "/ui/", "/ui/{file}"}
    assert open_ones == {"/healthz", "/readyz", "/api/v1/ui/visit", *page}


def test_a_visit_is_the_key_only_where_the_dashboard_asks() -> None:
    """It gets no new codes, or it would last for ever, and scrapes no metrics."""
    assert {route.template for route in ROUTES if not route.by_visit} == {
        "/api/v1/ui/code",
        "/metrics",
    }


ACTS = {"enable", "disable", "restart", "show", "call", "apply", "validate", "approve"}
ACTS |= {"code", "visit", "leave", "undo", "pause", "resume", "text"}


def test_what_acts_is_never_get() -> None:
    """A link or an image must not be able to act: whatever is a verb is no GET."""
    for route in ROUTES:
        acts = route.template.rsplit("/", 1)[1] in ACTS
        assert not (acts and route.method == "GET"), route.template
        assert route.method in {"GET", "HEAD", "POST", "PATCH", "DELETE"}
