"""docker-compose.yml, started under a project name and on ports of the tests' own, so that a running Lectern is left alone."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

import httpx
import icalendar

from deploy.local.children import free_port

REPOSITORY = Path(__file__).resolve().parents[2]


class Composition:
    """All containers. `site` is the proxy's address, `mailbox` the mail catcher's API."""

    def __init__(self) -> None:
        self.project = f"lectern-test-{secrets.token_hex(3)}"
        self.ports = {name: free_port() for name in ("HTTP", "HTTPS", "MAIL")}
        self.site = f"http://127.0.0.1:{self.ports['HTTP']}"
        self.secure_site = f"https://localhost:{self.ports['HTTPS']}"
        self.mailbox = f"http://127.0.0.1:{self.ports['MAIL']}/api/v1"

    def compose(self, *arguments: str, stdin: str | None = None, timeout: float = 600) -> str:
        """What `docker compose` prints. Raises AssertionError with all of it where it fails."""
        chosen = {f"LECTERN_{name}_PORT": str(port) for name, port in self.ports.items()}
        done = subprocess.run(
            ["docker", "compose", "--project-name", self.project, *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **chosen},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, (
            f"docker compose {' '.join(arguments)}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        )
        return done.stdout

    def up(self, *arguments: str) -> None:
        """Starts what is not running and waits until all is healthy, as an operator does."""
        try:
            self.compose("up", "-d", "--wait", *arguments)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('logs', '--tail', '40', '--no-color')[-12000:]}") from error

    def down(self) -> None:
        """Removes containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")

    def organiser(self) -> dict[str, str]:
        """The header that lets the organiser in."""
        token = self.compose("exec", "-T", "scheduling", "cat", "/run/lectern/organiser_token").strip()
        return {"Authorization": f"Bearer {token}"}

    async def publish_by_amqp(self, body: bytes) -> None:
        """Publishes an intake message on the broker, from inside, with Lectern's own transport."""
        program = (
            "import asyncio\n"
            "from pathlib import Path\n"
            "from shared.contracts.cloudevent import decode\n"
            "from shared.contracts.registry import INTAKE\n"
            "from shared.messaging.port import Outgoing\n"
            "from shared.messaging.rabbit import RabbitTransport\n"
            "async def main():\n"
            "    transport = RabbitTransport(Path('/run/lectern/broker_url').read_text().strip(), name='story')\n"
            "    await transport.start()\n"
            f"    await transport.publish([Outgoing(INTAKE, decode({body!r}))])\n"
            "    await transport.close()\n"
            "asyncio.run(main())\n"
        )
        await asyncio.to_thread(self.compose, "exec", "-T", "registration", "python", "-", stdin=program)

    async def mails_to(self, email: str) -> list[dict[str, Any]]:
        """The mails to one person, newest first, as Mailpit's API tells them."""
        async with httpx.AsyncClient() as client:
            listing = (await client.get(f"{self.mailbox}/messages", params={"limit": 200})).json()
            return [
                (await client.get(f"{self.mailbox}/message/{item['ID']}")).json()
                for item in listing["messages"]
                if any(to["Address"] == email for to in item["To"])
            ]


def entries(calendar: str) -> dict[str, Any]:
    """The entries of an iCalendar text by title."""
    return {str(entry["SUMMARY"]): entry for entry in icalendar.Calendar.from_ical(calendar).walk("VEVENT")}
