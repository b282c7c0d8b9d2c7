"""A private RabbitMQ node for the tests: own ports, own data, own policies; the machine's own node is never touched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from pathlib import Path

from tests.support.install_rabbitmq import RabbitMissing, ensure_rabbitmq, find

REPOSITORY = Path(__file__).resolve().parents[2]
DEFINITIONS = REPOSITORY / "deploy" / "rabbitmq" / "definitions.json"
USER = "lectern-test"
PASSWORD = "lectern-test"
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
        self._epmd: asyncio.subprocess.Process | None = None
        self._server: asyncio.subprocess.Process | None = None

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
        return self._server is not None and self._server.returncode is None

    async def start(self) -> None:
        """Starts the node and returns when it takes connections. Raises RabbitMissing or RabbitFailed."""
        program = await asyncio.to_thread(_server_script)
        self._prepare()
        if self._epmd is None:
            # Started by us and in the foreground, so that no daemon stays behind when the tests are over.
            epmd = shutil.which("epmd") or "epmd"
            self._epmd = await asyncio.create_subprocess_exec(
                epmd, "-port", str(self._epmd_port), "-address", self.host,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        with (self._home / "server.log").open("ab") as log:
            self._server = await asyncio.create_subprocess_exec(
                program, env=self._environment(), cwd=self._home, stdout=log, stderr=log, start_new_session=True
            )
        await self._until_ready()

    async def stop(self) -> None:
        """Stops the node in order and removes what it wrote."""
        await self._end(signal.SIGTERM)
        if self._epmd is not None and self._epmd.returncode is None:
            self._epmd.terminate()
            await self._epmd.wait()
        self._epmd = None
        await asyncio.to_thread(shutil.rmtree, self._home, ignore_errors=True)

    async def restart(self) -> None:
        """Stops the node in order and starts it again with its data."""
        await self.halt()
        await self.start()

    async def halt(self) -> None:
        """Stops the node in order; its data stay for the next start."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Ends the node as a power cut would, by SIGKILL; its data stay for the next start."""
        await self._end(signal.SIGKILL)

    async def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` prints. Raises RabbitFailed where it fails."""
        process = await asyncio.create_subprocess_exec(
            str(Path(_server_script()).with_name("rabbitmqctl")), "--quiet", *arguments,
            env=self._environment(), cwd=self._home,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise RabbitFailed(f"rabbitmqctl {' '.join(arguments)}: {output.decode(errors='replace').strip()}")
        return output.decode(errors="replace")

    def _prepare(self) -> None:
        if (self._home / "rabbitmq.conf").exists():
            return
        definitions = json.loads(DEFINITIONS.read_text()) if self._policies else {}
        definitions["users"] = [
            {"name": name, "password": PASSWORD, "tags": "administrator"} for name in (USER, f"{USER}-other")
        ]
        definitions["vhosts"] = [{"name": "/"}]
        definitions["permissions"] = [
            {"user": user["name"], "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
            for user in definitions["users"]
        ]
        (self._home / "definitions.json").write_text(json.dumps(definitions))
        (self._home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {self.host}:{self._port}\n"
            f"load_definitions = {self._home / 'definitions.json'}\n"
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

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if not self.running:
                raise RabbitFailed(f"the private RabbitMQ node ended at its start:\n{self._log()}")
            if await self._greets():
                return
            await asyncio.sleep(0.05)
        raise RabbitFailed(f"the private RabbitMQ node did not answer within {START_TIMEOUT:g} s:\n{self._log()}")

    async def _greets(self) -> bool:
        """Whether the listener answers the AMQP header with Connection.Start (AMQP 0-9-1, 4.2.2)."""
        try:
            reader, writer = await asyncio.open_connection(self.host, self._port)
        except OSError:
            return False
        try:
            writer.write(b"AMQP\x00\x00\x09\x01")
            return (await asyncio.wait_for(reader.read(1), 2)) == b"\x01"
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _end(self, how: signal.Signals) -> None:
        server = self._server
        if server is None or server.returncode is not None:
            return
        # The script waits for the Erlang machine in the same session, which is ours alone.
        if how is signal.SIGKILL:
            os.killpg(server.pid, signal.SIGKILL)
        else:
            server.send_signal(how)
        try:
            await asyncio.wait_for(server.wait(), 30)
        except TimeoutError:
            os.killpg(server.pid, signal.SIGKILL)
            await server.wait()
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


__all__ = ["PASSWORD", "USER", "RabbitFailed", "RabbitMissing", "RabbitNode", "ensure_rabbitmq", "find"]
