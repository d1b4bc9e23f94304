"""A client against a sandbox, with fixtures of pytest:

    PLATEN=/usr/local/bin/platen pytest pytest_sandbox.py

The client is that of test_sandbox.py, beside this file; yours stands in its place.
"""

import json
import os
import subprocess

import pytest

from test_sandbox import Client, send


@pytest.fixture(scope="session")
def sandbox():
    """One sandbox for all tests, which ends with them: its url, user and password."""
    command = [os.environ.get("PLATEN", "platen"), "sandbox", "--listen", "127.0.0.1:0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as platen:
        yield json.loads(platen.stdout.readline())
        platen.terminate()


@pytest.fixture
def native(sandbox):
    """Calls platen's own API; each test that uses it begins with all as it was."""

    def call(method, path, body=None):
        status, text, _ = send(sandbox, method, "/api/v1" + path, body, basic=True)
        assert status < 300, text
        return json.loads(text) if text else None

    call("POST", "/sandbox/reset")
    return call


@pytest.fixture
def client(sandbox, native):
    """A client that has logged in."""
    client = Client(sandbox)
    client.login()
    return client


@pytest.fixture
def job(native):
    """The first job of the demo's mail run."""
    return native("GET", "/entities?kind=job&pageSize=1")["entities"][0]["id"]


def test_tag(client, job):
    pairs = [{"name": "status", "value": "printed"}]
    assert client.call("PUT", f"/jobs/{job}/properties", {"id": job, "properties": pairs}) == (200, "true")
    assert json.loads(client.call("GET", f"/jobs/{job}/properties")[1]) == pairs


def test_refused(client, job, native):
    assert client.call("PUT", f"/jobs/{job}/properties", {"id": job})[0] == 400
    (refused,) = native("GET", "/requests?status=4xx")["requests"]
    assert "properties" in refused["reason"]


@pytest.mark.parametrize("fault", [
    {"status": 503, "retryAfter": "1s", "to": 1},
    {"cutAfter": 5, "to": 2},
    {"expireToken": True, "to": 1},
    {"latency": "100ms", "every": 2},
], ids=lambda fault: next(iter(fault)))
def test_fault(client, job, native, fault):
    added = native("POST", "/sandbox/faults", fault)
    assert client.call("GET", f"/jobs/{job}/properties")[0] == 200
    assert native("GET", "/sandbox/faults/" + added["name"])["hits"] > 0


def test_reset(client, job, native):
    client.call("PUT", f"/jobs/{job}/properties", {"id": job, "properties": []})
    native("POST", "/sandbox/reset")
    assert json.loads(client.call("GET", f"/jobs/{job}/properties")[1]) != []
