"""A scheduler that starts and stops with a web server.

Needs an ASGI server, no framework:

    pip install uvicorn
    uvicorn --app-dir examples asgi_app:app

Every second a task notes the time; each request is answered with the last note. Frameworks are wrapped the same way:
``app = scheduler.asgi(FastAPI())``.
"""

from __future__ import annotations

import datetime
import json

from asyncz.schedulers import AsyncIOScheduler

scheduler = AsyncIOScheduler(timezone="UTC")
notes: list[str] = []


@scheduler.add_task(trigger="interval", seconds=1)
def note_the_time() -> None:
    notes[:] = [datetime.datetime.now(datetime.timezone.utc).isoformat()]


@scheduler.asgi(wait=True)
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError(f"Expected a scope of type 'http', got {scope['type']!r}.")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps({"last": notes[-1] if notes else None}).encode()})
