"""A private RabbitMQ node for the tests: own ports, own data, own policies; the machine's own node is never touched.

The work is done in threads and belongs to no event loop, so that one node serves the tests of many loops.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.install_rabbitmq import RabbitMissing, ensure_rabbitmq, find

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "deploy" / "rabbitmq"
USER = "lectern-test"
OTHER_USER = "other-system"
PASSWORD = "lectern-test"  # of a node that only this machine reaches and that is gone after the tests
START_TIMEOUT = 90.0
"""Seconds; a node usually needs 4 to 8."""


class RabbitFailed(Exception):
    """The private node did not start or stop; the message ends with its log."""


class RabbitNode:
    """One broker process with its own port mapper; `url` is the same before and after a restart."""

    def __init__(self, *, policies: bool = True) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="lectern-rabbitmq-"))
        self._policies = policies
        self._port, self._dist_port, self._epmd_port = _free_ports(3)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """The loopback address the node listens on."""
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """The AMQP port."""
        return self._port

    @property
    def url(self) -> str:
        """Where a client connects, with user and password."""
        return f"amqp://{USER}:{PASSWORD}@{self.host}:{self._port}/"

    @property
    def running(self) -> bool:
        """Whether the server process lives."""
        return self._server is not None and self._server.poll() is None

    async def start(self) -> None:
        """Starts the node and returns when it takes connections. Raises RabbitMissing or RabbitFailed."""
        await asyncio.to_thread(self._start)

    async def stop(self) -> None:
        """Stops the node in order and removes what it wrote."""
        await asyncio.to_thread(self._stop)

    async def restart(self) -> None:
        """Stops the node in order and starts it again with its data."""
        await asyncio.to_thread(self._restart)

    async def halt(self) -> None:
        """Stops the node in order; its data stay for the next start."""
        await asyncio.to_thread(self._halt)

    async def kill(self) -> None:
        """Ends the node as a power cut would, by SIGKILL; its data stay for the next start."""
        await asyncio.to_thread(self._kill)

    def _start(self) -> None:
        program = _server_script()
        self._prepare()
        if self._epmd is None:
            # Started by us and in the foreground, so that no daemon stays behind when the tests are over.
            epmd = shutil.which("epmd") or "epmd"
            self._epmd = subprocess.Popen(
                [epmd, "-port", str(self._epmd_port), "-address", self.host],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        with (self._home / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [program], env=self._environment(), cwd=self._home, stdout=log, stderr=log, start_new_session=True
            )
        self._until_ready()

    def _stop(self) -> None:
        try:
            self._end(signal.SIGTERM)
        finally:
            if self._epmd is not None and self._epmd.poll() is None:
                self._epmd.terminate()
                self._epmd.wait()
            self._epmd = None
            shutil.rmtree(self._home, ignore_errors=True)

    def _restart(self) -> None:
        self._halt()
        self._start()

    def _halt(self) -> None:
        self._end(signal.SIGTERM)

    def _kill(self) -> None:
        self._end(signal.SIGKILL)

    async def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` prints. Raises RabbitFailed where it fails."""
        return await asyncio.to_thread(self._control, *arguments)

    def _control(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(Path(_server_script()).with_name("rabbitmqctl")), "--quiet", *arguments],
            env=self._environment(), cwd=self._home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RabbitFailed(f"rabbitmqctl {' '.join(arguments)}: {(done.stdout + done.stderr).strip()}")
        return done.stdout

    def _prepare(self) -> None:
        if (self._home / "rabbitmq.conf").exists():
            return
        folder = self._home / "definitions.d"
        folder.mkdir()
        if self._policies:
            shutil.copy(SHIPPED / "definitions.json", folder)
        users = [{"name": name, "password": PASSWORD, "tags": ""} for name in (USER, OTHER_USER)]
        rights = {"vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
        permissions = [{"user": name, **rights} for name in (USER, OTHER_USER)]
        (folder / "users.json").write_text(
            json.dumps({"vhosts": [{"name": "/"}], "users": users, "permissions": permissions})
        )
        shipped = (SHIPPED / "rabbitmq.conf").read_text().replace("/etc/rabbitmq/definitions.d", str(folder))
        (self._home / "rabbitmq.conf").write_text(
            f"{shipped}\n"
            f"listeners.tcp.1 = {self.host}:{self._port}\n"
            "log.console.level = warning\n"
            "disk_free_limit.absolute = 50MB\n"
        )
        (self._home / "advanced.config").write_text("[].\n")
        (self._home / "enabled_plugins").write_text("[].\n")
        (self._home / "env.conf").write_text("")

    def _environment(self) -> dict[str, str]:
        home = str(self._home)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("RABBITMQ_", "ERL_"))}
        return {
            **inherited,
            "HOME": home,  # the Erlang cookie lives here
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": self.host,
            "RABBITMQ_NODENAME": f"lectern-{self._port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": f"{home}/env.conf",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/advanced.config",
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
        }

    def _until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if not self.running:
                raise RabbitFailed(f"the private RabbitMQ node ended at its start:\n{self._log()}")
            if self._greets():
                return
            time.sleep(0.05)
        raise RabbitFailed(f"the private RabbitMQ node did not answer within {START_TIMEOUT:g} s:\n{self._log()}")

    def _greets(self) -> bool:
        """Whether the listener answers the AMQP header with Connection.Start (AMQP 0-9-1, 4.2.2)."""
        try:
            with socket.create_connection((self.host, self._port), timeout=2) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        server = self._server
        if server is None or server.poll() is not None:
            return
        # The script waits for the Erlang machine in the same session, which is ours alone.
        if how is signal.SIGKILL:
            os.killpg(server.pid, signal.SIGKILL)
        else:
            server.send_signal(how)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            raise RabbitFailed(f"the private RabbitMQ node did not stop within 30 s:\n{self._log()}") from None

    def _log(self) -> str:
        path = self._home / "server.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else "(no log)"


def _server_script() -> str:
    """RabbitMQ's own start script: Debian's wrapper of the same name would switch to the machine's user and files."""
    wrapper = Path(ensure_rabbitmq())
    direct = Path("/usr/lib/rabbitmq/bin/rabbitmq-defaults")
    if direct.exists():
        return str(direct.resolve().with_name("rabbitmq-server"))
    return str(wrapper.resolve())


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on; all are held until all are found, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


__all__ = ["OTHER_USER", "PASSWORD", "USER", "RabbitFailed", "RabbitMissing", "RabbitNode", "ensure_rabbitmq", "find"]
