import socket

import pytest
from starlette.datastructures import Headers

from server.hosts import Hosts, is_local, local_path


def headers(**given: str) -> Headers:
    return Headers({name.replace("_", "-"): value for name, value in given.items()})


@pytest.mark.parametrize(
    "host",
    ["localhost:7860", "a.localhost", "127.0.0.1", "[::1]:7860", "192.168.0.7:80", "demo.org",
     "DEMO.org:443", "x.wild.org", socket.gethostname()],
)
def test_addresses_and_names_of_the_server_are_answered(host: str) -> None:
    hosts = Hosts("127.0.0.1", ["demo.org", "*.wild.org"], [])
    assert hosts.host_problem(headers(host=host)) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "demo.org.evil.example", "wild.org", "localhost.evil", "", "a@localhost",
     "localhost:x", "localhost/"],
)
def test_a_foreign_host_is_told_what_its_operator_can_do(host: str) -> None:
    hosts = Hosts("127.0.0.1", ["demo.org", "*.wild.org"], [])
    assert "--allow-host" in str(hosts.host_problem(headers(host=host)))
    assert Hosts("127.0.0.1", ["*"], []).host_problem(headers(host="evil.example")) is None


def test_the_host_that_a_proxy_passes_on_is_checked_too() -> None:
    hosts = Hosts("127.0.0.1", ["demo.org"], [])
    good = headers(host="localhost", x_forwarded_host="demo.org")
    bad = headers(host="localhost", x_forwarded_host="evil.example")
    assert hosts.host_problem(good) is None
    assert "evil.example" in str(hosts.host_problem(bad))


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ({}, True),
        ({"origin": "http://localhost:7860"}, True),
        ({"origin": "https://friend.org"}, True),
        ({"origin": "http://localhost:8888"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "same-origin"}, True),
    ],
)
def test_another_site_s_page_may_read_but_not_send(given: dict, allowed: bool) -> None:
    hosts = Hosts("127.0.0.1", [], ["https://friend.org/"])
    named = headers(host="localhost:7860", **given)
    for method in ("POST", "DELETE", "PUT"):
        assert (hosts.origin_problem({"method": method}, named) is None) == allowed
    assert hosts.origin_problem({"method": "GET"}, named) is None


def test_which_hosts_are_this_machine() -> None:
    for name in ("localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "x.localhost"):
        assert is_local(name)
    for name in ("0.0.0.0", "::", "10.0.0.1", "demo.org", ""):
        assert not is_local(name)


def test_the_prefix_of_a_proxy_is_not_part_of_the_path() -> None:
    assert local_path({"path": "/steadfast/v1/models", "root_path": "/steadfast"}) == "/v1/models"
    assert local_path({"path": "/steadfast", "root_path": "/steadfast"}) == "/"
    assert local_path({"path": "/v1/models"}) == "/v1/models"
