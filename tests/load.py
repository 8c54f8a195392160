"""A load test of ``marsad serve`` on the loopback: ``python -m tests.load MODEL``.

Clients ask at once for short documents and for very long ones, send bodies that are none, read as
slowly as they can, or leave before their answer; in the middle of it the server gets SIGTERM. Every
request that it accepted must be answered once and rightly, overload by 429 and never by a time-out,
and its memory must stay within a bound.
"""

import argparse
import asyncio
import json
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx

import marsad
from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.text.words import count_words
from tests.serving.servers import Server, start_server

CORPUS = Path("data/corpus/test.jsonl")
MALFORMED = (
    b"",
    b"{",
    b'{"text": 1}',
    b"\xff\xfe",
    b'{"documents": [{}]}',
    b'{"text": "' + b"x" * 9_000_000 + b'"}',
)
PATIENCE = 600.0  # seconds that a client waits at most; more than the server lets a request take


@dataclass
class Tally:
    """What the clients saw: outcomes, seconds of right answers, their ids, what was wrong."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"short": [], "long": []})
    answered: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Work:
    """The documents that are asked for, and their right records, by kind."""

    texts: dict[str, list[str]]
    records: dict[str, list[list[dict]]]


def prepare(model: Path, *, words: int, long: int) -> Work:
    """Read the documents with the library: short ones one by one, the long ones of many."""
    short = [document.text for document in read_corpus(CORPUS)[:40]]
    texts = {"short": short, "long": [_long(short, words, own) for own in range(long)]}
    nlp = marsad.load(model)
    records = {
        kind: [[json.loads(nlp(Document("0", text)).to_json())] for text in own]
        for kind, own in texts.items()
    }
    return Work(texts, records)


def _long(parts: list[str], words: int, seed: int) -> str:
    order, text, size = random.Random(seed), [], 0
    while size < words:
        text.append(order.choice(parts))
        size += count_words(text[-1])
    return "\n\n".join(text)


class Client:
    """One client: asks, one thing after another, by its own dice."""

    def __init__(self, number: int, server: Server, work: Work, tally: Tally) -> None:
        self.dice = random.Random(number)
        self.server, self.work, self.tally = server, work, tally
        self.names = (f"client-{number}-{i}" for i in count())

    async def run(self, until: float) -> None:
        kinds = [self.ask_short, self.ask_long, self.send_nonsense, self.read_slowly, self.leave]
        while time.monotonic() < until:
            (kind,) = self.dice.choices(kinds, weights=[78, 4, 8, 5, 5])
            try:
                await kind()
            except (httpx.ConnectError, ConnectionRefusedError):
                if self.server.process.poll() is None and not self.stopping:
                    self.tally.wrong.append("a connection was refused while the server ran")
                return
            except (httpx.RemoteProtocolError, httpx.ReadError, ConnectionResetError):
                # Never accepted: the kernel held it when the server stopped listening. Else its id
                # is in the log, and missing among the answered.
                self.tally.outcomes["closed unread"] += 1
                if not self.stopping:
                    self.tally.wrong.append("a connection was closed while the server ran")
                return
            except httpx.TimeoutException:
                self.tally.wrong.append(f"{kind.__name__}: no answer within {PATIENCE:g} s")

    @property
    def stopping(self) -> bool:
        return self.tally.outcomes["SIGTERM"] > 0

    async def ask_short(self) -> None:
        await self._ask("short")

    async def ask_long(self) -> None:
        await self._ask("long")

    async def _ask(self, kind: str) -> None:
        number = self.dice.randrange(len(self.work.texts[kind]))
        begun = time.monotonic()
        async with httpx.AsyncClient(base_url=self.server.address, timeout=PATIENCE) as client:
            answer = await client.post(
                "/v1/predict",
                json={"text": self.work.texts[kind][number]},
                headers={"X-Request-ID": next(self.names)},
            )
        self._judge(kind, number, answer.status_code, answer.content, dict(answer.headers), begun)
        if answer.status_code == 429:
            await asyncio.sleep(min(2.0, float(answer.headers["retry-after"])))

    def _judge(
        self, kind: str, number: int, status: int, body: bytes, headers: dict, begun: float
    ) -> None:
        self.tally.outcomes[f"{kind}: {status}"] += 1
        if status == 200:
            self.tally.answered.add(headers["x-request-id"])
            self.tally.seconds[kind].append(time.monotonic() - begun)
            if json.loads(body)["documents"] != self.work.records[kind][number]:
                self.tally.wrong.append(f"{kind} {number}: another record than the library's")
        elif status != 429 and not (status == 503 and self.stopping):
            self.tally.wrong.append(f"{kind}: status {status}")

    async def send_nonsense(self) -> None:
        body = self.dice.choice(MALFORMED)
        async with httpx.AsyncClient(base_url=self.server.address, timeout=PATIENCE) as client:
            try:
                answer = await client.post("/v1/predict", content=body)
            except httpx.WriteError:  # too large a body: the server answers and closes at once
                self.tally.outcomes["nonsense: closed while it was sent"] += 1
                return
        self.tally.outcomes[f"nonsense: {answer.status_code}"] += 1
        if answer.status_code not in (413, 422):
            self.tally.wrong.append(f"nonsense: status {answer.status_code}")

    async def _send(
        self, text: str, name: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, limit=4096)
        body = json.dumps({"text": text}).encode()
        head = (
            "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-ID: {name}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        return reader, writer

    async def read_slowly(self) -> None:
        """Take the answer in small bites with pauses between them."""
        number = self.dice.randrange(len(self.work.texts["short"]))
        begun = time.monotonic()
        text = self.work.texts["short"][number]
        reader, writer = await self._send(text, next(self.names))
        answer = b""
        while bite := await asyncio.wait_for(reader.read(512), PATIENCE):
            answer += bite
            await asyncio.sleep(0.02)
        writer.close()
        if not answer:
            raise ConnectionResetError
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        self._judge("short", number, int(lines[0].split()[1]), body, headers, begun)

    async def leave(self) -> None:
        """Ask, and hang up before the answer."""
        name = next(self.names)
        self.tally.left.add(name)
        _, writer = await self._send(self.dice.choice(self.work.texts["short"]), name)
        await asyncio.sleep(self.dice.random() * 0.2)
        writer.transport.abort()
        self.tally.outcomes["left"] += 1


async def load(server: Server, work: Work, *, clients: int, seconds: float) -> Tally:
    """Let clients ask for so many seconds, then stop the server in the middle of it."""
    tally = Tally()
    until = time.monotonic() + seconds

    async def stop() -> None:
        await asyncio.sleep(seconds * 0.8)
        tally.outcomes["SIGTERM"] += 1
        server.process.send_signal(signal.SIGTERM)

    await asyncio.gather(
        stop(), *(Client(n, server, work, tally).run(until) for n in range(clients))
    )
    return tally


def memory(server: Server) -> float:
    """Return the most memory that the server has had, in MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


class Watch:
    """Looks at a server's memory while it lives."""

    def __init__(self, server: Server) -> None:
        self.server, self.peak = server, memory(server)

    async def run(self) -> None:
        while self.server.process.poll() is None:
            try:
                self.peak = max(self.peak, memory(self.server))
            except (OSError, ValueError):
                return
            await asyncio.sleep(0.1)


def lost(server: Server, tally: Tally) -> int:
    """Return how many requests the server has logged as taken, whose clients got no answer."""
    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    own = {
        line["request"]
        for line in lines
        if line.get("path") == "/v1/predict" and line["status"] in (200, 499, 500)
    }
    return len(own - tally.answered - tally.left)


def percentile(values: list[float], share: int) -> float:
    """Return a percentile, or the only value."""
    return statistics.quantiles(values, n=100)[share - 1] if len(values) > 1 else sum(values)


def main(arguments: list[str] | None = None) -> int:
    """Run the test, print what was seen, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--words", type=int, default=20_000, help="of a long document")
    parser.add_argument("--long", type=int, default=2, help="long documents that differ")
    parser.add_argument("--memory", type=float, default=600.0, help="bound, in MiB")
    options = parser.parse_args(arguments)
    work = prepare(options.model, words=options.words, long=options.long)
    server = start_server(options.model, "--max-waiting", str(4 * options.words))
    watch = Watch(server)

    async def both() -> Tally:
        watching = asyncio.create_task(watch.run())
        tally = await load(server, work, clients=options.clients, seconds=options.seconds)
        await watching
        return tally

    try:
        tally = asyncio.run(both())
        code = server.process.wait(60)
    except subprocess.TimeoutExpired:
        tally.wrong.append("the server did not stop within 60 s of its last answer")
        code = 0
    finally:
        server.stop()
    if gone := lost(server, tally):
        tally.wrong.append(f"{gone} requests were taken whose clients got no answer")
    if watch.peak > options.memory:
        tally.wrong.append(f"memory: {watch.peak:.0f} MiB")
    if code not in (0, -signal.SIGTERM):
        tally.wrong.append(f"the server ended with code {code}")
    for outcome, times in sorted(tally.outcomes.items()):
        print(f"{outcome:40}{times:8,}")
    for kind, seconds in tally.seconds.items():
        if seconds:
            shown = ", ".join(f"p{p} {percentile(seconds, p):.2f} s" for p in (50, 95, 99))
            print(f"{kind} documents: {len(seconds):,} answered, {shown}")
    print(f"memory of the server: {watch.peak:.0f} MiB at most")
    for wrong, times in Counter(tally.wrong).items():
        print(f"WRONG: {wrong} ({times} times)")
    print("all accepted requests were answered rightly" if not tally.wrong else "FAILED")
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())
