"""A client against a sandbox, with Python's own library and nothing else:

    PLATEN=/usr/local/bin/platen python3 -m unittest test_sandbox

pytest runs it as well. With fixtures of pytest, what setUpClass and setUp do
stands in a fixture of the session, and in one that each test uses.
"""

import base64
import http.client
import json
import os
import subprocess
import time
import unittest
import urllib.error
import urllib.request


class Client:
    """What is tested here; yours stands in its place."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.token = None

    def login(self):
        status, text, _ = send(self.sandbox, "POST", "/rest/serverengine/authentication/login", basic=True)
        assert status == 200, text
        self.token = text

    def call(self, method, path, body=None):
        """Send a request, again if the server says so or the connection breaks: at most five times."""
        for left in range(4, -1, -1):
            try:
                status, text, headers = send(self.sandbox, method, "/rest/serverengine/entity" + path, body, token=self.token)
            except (http.client.HTTPException, OSError):
                if left == 0:
                    raise
                continue
            if left > 0 and status == 401:
                self.login()
            elif left > 0 and status in (429, 503):
                time.sleep(float(headers.get("Retry-After", 0.01)))
            else:
                return status, text


def send(sandbox, method, path, body=None, basic=False, token=None):
    """Send a request, and return status, text and headers of the answer."""
    request = urllib.request.Request(sandbox["url"] + path, method=method)
    request.add_header("Content-Type", "application/json")
    if basic:
        pair = f"{sandbox['user']}:{sandbox['password']}".encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(pair).decode())
    if token:
        request.add_header("auth_token", token)
    if body is not None:
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


class SandboxTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.platen = subprocess.Popen(
            [os.environ.get("PLATEN", "platen"), "sandbox", "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE)
        cls.sandbox = json.loads(cls.platen.stdout.readline())

    @classmethod
    def tearDownClass(cls):
        cls.platen.terminate()
        cls.platen.wait()
        cls.platen.stdout.close()

    def setUp(self):
        self.native("POST", "/sandbox/reset")
        self.client = Client(self.sandbox)
        self.client.login()
        sets = self.identifiers("/jobsets")
        self.job = self.identifiers(f"/jobsets/{sets[0]}")[0]

    def native(self, method, path, body=None):
        status, text, _ = send(self.sandbox, method, "/api/v1" + path, body, basic=True)
        self.assertLess(status, 300, text)
        return json.loads(text) if text else None

    def identifiers(self, path):
        status, text = self.client.call("GET", path)
        self.assertEqual(status, 200, text)
        return json.loads(text)["identifiers"]

    def test_tag(self):
        pairs = [{"name": "status", "value": "printed"}]
        self.assertEqual(self.client.call("PUT", f"/jobs/{self.job}/properties", {"id": self.job, "properties": pairs}), (200, "true"))
        self.assertEqual(json.loads(self.client.call("GET", f"/jobs/{self.job}/properties")[1]), pairs)

    def test_refused(self):
        status, _ = self.client.call("PUT", f"/jobs/{self.job}/properties", {"id": self.job})
        self.assertEqual(status, 400)
        refused = self.native("GET", "/requests?status=4xx")["requests"]
        self.assertEqual([r["user"] for r in refused], [self.sandbox["user"]])
        self.assertIn("properties", refused[0]["reason"])

    def test_faults(self):
        self.native("PUT", "/sandbox/faults", {"faults": [
            {"name": "busy", "status": 503, "to": 2},
            {"name": "cut", "cutAfter": 5, "to": 1},
            {"name": "expired", "expireToken": True, "to": 1},
        ]})
        self.assertEqual(self.client.call("GET", f"/jobs/{self.job}/properties")[0], 200)
        self.assertEqual([f["hits"] for f in self.native("GET", "/sandbox/faults")["faults"]], [2, 1, 1])

    def test_clock(self):
        first = self.client.token
        self.native("PUT", "/sandbox/clock", {"advance": "1h"})
        self.assertEqual(self.client.call("GET", f"/jobs/{self.job}/properties")[0], 200)
        self.assertNotEqual(self.client.token, first)

    def test_instance(self):
        """A second suite, beside this one, has a sandbox of its own."""
        other = dict(self.sandbox, **self.native("POST", "/sandbox/instances", {"name": "second", "data": "none"}))
        try:
            client = Client(other)
            client.login()
            self.assertEqual(client.call("GET", "/jobsets"), (200, '{"identifiers":[]}'))
        finally:
            self.native("DELETE", "/sandbox/instances/second")


if __name__ == "__main__":
    unittest.main()
