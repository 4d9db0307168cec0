"""A Restante server with a database of its own, and tokens for it."""

import contextlib
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

CONFIG = """
data_dir = '{directory}/data'
[server]
hostname = 'mail.example.org'
[http]
listen = ['127.0.0.1:{http}']
[sip]
listen = ['127.0.0.1:0']
[msrp]
listen = ['127.0.0.1:0']
"""


class Server:
    """Where it is, and a token for everything."""

    def __init__(self, url, token):
        self.url = url
        self.token = token

    def request(self, method, path, body=None, media_type="application/json"):
        """The status and body of an answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media_type}
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def database(kind):
    """The URL of a new database; None for the embedded one."""
    if kind == "sqlite":
        yield None
        return
    server = os.environ["RESTANTE_TEST_POSTGRES_URL"]
    name = f"api_{secrets.token_hex(6)}"
    psql = os.path.join(os.environ["RESTANTE_TEST_PG_BINDIR"], "psql")

    def administer(statement):
        subprocess.run([psql, "-qX", "-c", statement, server], check=True)

    administer(f"CREATE DATABASE {name}")
    try:
        yield server.rsplit("/", 1)[0] + "/" + name
    finally:
        administer(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def server(kind):
    """Runs a server until the block is left; it must end well."""
    program = os.environ["RESTANTE_TEST_BIN"]
    with tempfile.TemporaryDirectory(prefix="restante-api-") as directory, database(kind) as url:
        port = free_port()
        text = CONFIG.format(directory=directory, http=port)
        if url:
            text += f"[database]\nurl = '{url}'\n"
        config = pathlib.Path(directory, "restante.toml")
        config.write_text(text)
        log = pathlib.Path(directory, "log").open("wb")
        process = subprocess.Popen([program, "--config", config], stdout=log, stderr=log)
        try:
            wait_until_ready(process, port, directory)
            scopes = ["gateway", "operator"]
            arguments = [part for scope in scopes for part in ("--scope", scope)]
            token = subprocess.run(
                [program, "--config", config, "token", "create", "--name", "api", *arguments],
                check=True, capture_output=True, text=True,
            ).stdout.strip()
            yield Server(f"http://127.0.0.1:{port}", token)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
            log.close()


def wait_until_ready(process, port, directory):
    """Waits until the server answers; an end before that is an error with its log."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(pathlib.Path(directory, "log").read_text())
