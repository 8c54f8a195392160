"""A real server process with a tiny model, asked over the loopback."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import marsad
from marsad.cli import run
from marsad.document import Document
from marsad.labels import scheme
from marsad.model_folder import ModelFolder
from marsad.serving.server import _listen
from tests.serving.servers import Server, Start

SECRET = "سرّيّ للغاية"
TEXT = "قصفت طائرة مسيرة مقرا للشرطة في درعا صباح الثلاثاء."
LONG = ("--max-words", "100000")  # texts of which a server has seconds to read


def test_records_are_those_of_the_library(
    server: Server, folder: ModelFolder, documents: list[Document]
):
    given = [{"id": d.id, "text": d.text, "meta": {"year": 2021}} for d in documents[:5]]
    answer = server.client.post("/v1/predict", json={"documents": given}).raise_for_status()
    nlp = marsad.load(folder.path)
    asked = (Document(d["id"], d["text"], meta=d["meta"]) for d in given)
    assert answer.json()["documents"] == [json.loads(d.to_json()) for d in nlp.pipe(asked)]
    one = server.client.post("/v1/predict", json=given[0]).raise_for_status()
    assert one.json()["documents"] == answer.json()["documents"][:1]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 422, "JSON decode error"),
        (b"[]", 422, "valid dictionary"),
        (b"{}", 422, "either `text` or `documents`"),
        (b'{"text": 1}', 422, "body.text: "),
        (b'{"text": "x", "texts": []}', 422, "body.texts: "),
        (b'{"documents": [{"id": "x"}]}', 422, "body.documents.0.text: Field required"),
        (b'{"text": "\\ud800"}', 422, "body.text: "),
        (b'{"text": "x", "meta": {"a": 1e999}}', 422, "a number is infinite"),
        (b'{"text": "x", "meta": {"a": NaN}}', 422, "a number is infinite"),
        (b"\xff\xfe", None, ""),
        (b'{"text": "' + b"x" * 200_000 + b'"}', 413, "200,000 bytes"),
        (
            json.dumps({"text": "كلمة " * 2001}).encode(),
            422,
            "more than 2,000 words; cut it into parts",
        ),
        (json.dumps({"documents": [{"text": "x"}] * 9}).encode(), 422, "9 are more than 8"),
        (json.dumps({"text": "x" * 40_000}).encode(), 422, "more than 2,000 words"),
        (json.dumps({"documents": [1] * 20_000}).encode(), 422, "body.documents.0: "),
        (json.dumps(dict.fromkeys(map(str, range(9000)))).encode(), 422, "more than 20 keys"),
        (
            json.dumps({"text": "x", "meta": {"a": json.loads("[" * 150 + "]" * 150)}}).encode(),
            422,
            "more than 100 brackets",
        ),
        (b'{"text": "x", "meta": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, None, ""),
    ],
)
def test_a_bad_request_gets_a_problem(server: Server, body: bytes, status: int | None, detail: str):
    headers = {"Content-Type": "application/json"}
    answer = server.client.post("/v1/predict", content=body, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    if status:
        assert answer.status_code == status
    assert 400 <= answer.status_code < 500
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert detail in problem["detail"]


def test_a_body_in_chunks_is_bounded_too(server: Server):
    def chunks() -> Iterator[bytes]:
        yield b'{"text": "'
        for _ in range(100):
            yield b"x" * 10_000
        yield b'"}'

    headers = {"Content-Type": "application/json"}
    answer = server.client.post("/v1/predict", content=chunks(), headers=headers)
    assert answer.status_code == 413


def test_neither_problems_nor_the_log_hold_text(server: Server):
    for body in (
        {"text": SECRET, "x": SECRET},
        {"documents": [{"text": [SECRET]}]},
        {"text": SECRET},
    ):
        answer = server.client.post("/v1/predict", json=body)
        assert answer.status_code == 200 or SECRET not in answer.text
    deadline = time.monotonic() + 60
    while not any('"documents": 1' in line for line in server.log):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not any(SECRET in line for line in server.log)
    line = json.loads(server.log[-1])
    assert {"request", "method", "path", "status", "seconds"} <= set(line)


def test_a_stream_is_answered_line_by_line(
    server: Server, folder: ModelFolder, documents: list[Document]
):
    lines = [json.dumps({"id": d.id, "text": d.text}) for d in documents[:30]]
    lines[3], lines[7] = '{"id": "x"}', "nonsense"
    lines.insert(10, "")
    answer = server.client.post("/v1/predict/stream", content="\n".join(lines).encode())
    assert answer.headers["content-type"] == "application/x-ndjson"
    found = [json.loads(line) for line in answer.text.splitlines()]
    nlp = marsad.load(folder.path)
    read = {d.id: json.loads(nlp(Document(d.id, d.text)).to_json()) for d in documents[:30]}
    expected = [read[d.id] for i, d in enumerate(documents[:30]) if i not in (3, 7)]
    assert [line for line in found if "problem" not in line] == expected
    problems = {line["line"]: line["problem"]["status"] for line in found if "problem" in line}
    assert problems == {4: 422, 8: 422}


def test_a_stream_answers_while_lines_are_still_sent(server: Server):
    def chunk(line: dict[str, str]) -> bytes:
        body = json.dumps(line).encode() + b"\n"
        return b"%x\r\n%s\r\n" % (len(body), body)

    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        line.sendall(
            b"POST /v1/predict/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(20):
            line.sendall(chunk({"text": TEXT}))
        found = b""
        while b'"id": "5"' not in found:
            found += line.recv(4096)
        line.sendall(chunk({"text": TEXT, "id": "last"}) + b"0\r\n\r\n")
        while received := line.recv(4096):
            found += received
    ids = re.findall(rb'{"id": "(\w+)"', found)
    assert ids == [*(b"%d" % i for i in range(1, 21)), b"last"]


def test_a_line_too_long_ends_a_stream_with_a_problem(server: Server):
    lines = [json.dumps({"text": TEXT}), json.dumps({"text": "x" * 300_000}), "{}"]
    answer = server.client.post("/v1/predict/stream", content="\n".join(lines).encode())
    first, last = (json.loads(line) for line in answer.text.splitlines())
    assert first["text"] == TEXT
    assert last["line"] == 2
    assert last["problem"]["status"] == 413


def test_labels_card_and_figures(server: Server):
    labels = server.client.get("/v1/labels").json()
    assert [own["name"] for own in labels["entities"]] == list(scheme().entity_names)
    assert [own["name"] for own in labels["events"]] == list(scheme().event_names)
    assert server.client.get("/v1/card").status_code == 404  # this model was not evaluated
    assert server.client.get("/healthz").json() == {"status": "ok"}
    server.client.post("/v1/predict", json={"text": TEXT})
    text = server.client.get("/metrics").text
    assert re.search(r'marsad_requests_total\{path="/v1/predict",status="200"\} [1-9]', text)
    assert float(re.findall(r"^marsad_words_total (\S+)$", text, re.MULTILINE)[0]) >= 9
    assert "marsad_waiting_words 0.0" in text
    assert server.client.get("/docs").status_code == 200
    assert "/v1/predict/stream" in server.client.get("/openapi.json").json()["paths"]


def test_the_open_inference_protocol(server: Server, folder: ModelFolder):
    client = server.client
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/tiny/ready").json() == {"name": "tiny", "ready": True}
    assert client.get("/v2/models/tiny").json()["inputs"] == [
        {"name": "text", "datatype": "BYTES", "shape": [-1]}
    ]
    assert client.get("/v2/models/other").status_code == 404
    tensor = {"name": "text", "datatype": "BYTES", "shape": [2], "data": [TEXT, "درعا"]}
    answer = client.post("/v2/models/tiny/infer", json={"id": "7", "inputs": [tensor]}).json()
    assert answer["id"] == "7"
    (output,) = answer["outputs"]
    assert output["shape"] == [2]
    nlp = marsad.load(folder.path)
    expected = [nlp(Document(str(i), text)) for i, text in enumerate(tensor["data"])]
    assert output["data"] == [document.to_json() for document in expected]
    for wrong in ({"name": "x"}, {"datatype": "FP32"}, {"shape": [3]}, {"data": [1, 2]}):
        refused = client.post("/v2/models/tiny/infer", json={"inputs": [{**tensor, **wrong}]})
        assert refused.status_code == 422


def test_what_is_no_http_does_not_stop_the_server(server: Server):
    for garbage in (b"\x00\xff" * 100 + b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST"):
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.sendall(garbage)
    assert server.client.get("/readyz").status_code == 200


@pytest.mark.parametrize(("name", "kept"), [("desk-7", True), ("a b", False), ("x" * 65, False)])
def test_a_client_may_name_its_request(server: Server, name: str, kept: bool):
    answer = server.client.get("/v1/model", headers={"X-Request-ID": name})
    assert (answer.headers["x-request-id"] == name) is kept


def test_a_token_is_asked_for_where_there_is_one(start: Start):
    client = start(token="a-token").client
    described = client.get("/openapi.json").json()
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert client.get("/readyz").status_code == 200
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "a-token"}):
        answer = client.post("/v1/predict", json={"text": TEXT}, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/metrics", headers=headers).status_code == 401
    for given in ("Bearer a-token", "bearer a-token", "BEARER  a-token"):
        headers = {"Authorization": given}
        assert client.post("/v1/predict", json={"text": TEXT}, headers=headers).status_code == 200


def test_overload_is_answered_by_429_and_never_by_a_wrong_record(start: Start, folder: ModelFolder):
    server = start("--max-waiting", "3000", "--at-once", "2")
    text = " ".join([TEXT] * 200)
    expected = json.loads(marsad.load(folder.path)(text).to_json())["entities"]

    def ask(_: int) -> httpx.Response:
        return server.client.post("/v1/predict", json={"text": text})

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(24)))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 429}
    for answer in answers:
        if answer.status_code == 200:
            assert answer.json()["documents"][0]["entities"] == expected
        else:
            assert int(answer.headers["retry-after"]) >= 1
    assert ask(0).status_code == 200


def test_what_is_given_up_goes_on_waiting_until_it_is_read(start: Start):
    """A short request that comes behind it is not told that nothing waits."""
    server = start("--timeout", "1", "--at-once", "1", "--max-waiting", "100", *LONG)
    long = " ".join([TEXT] * 10_000)
    answer = server.client.post("/v1/predict", json={"text": long}, timeout=60)
    assert answer.status_code == 503
    assert server.client.post("/v1/predict", json={"text": TEXT * 20}).status_code == 429
    while "marsad_waiting_words 0.0" not in server.client.get("/metrics").text:
        time.sleep(0.1)
    assert server.client.post("/v1/predict", json={"text": TEXT}).status_code == 200


def test_bodies_are_bounded_together(start: Start):
    """Clients that send and send, and never end, hold no more than so much of the server."""
    server = start()
    size = 7 * 2**20
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with contextlib.ExitStack() as wires:
        for _ in range(10):
            wire = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            wires.enter_context(wire)
            with contextlib.suppress(ConnectionError):
                wire.sendall(head + b"Content-Length: %d\r\n\r\n" % (size + 1))
                wire.sendall(b" " * size)
        # Bytes arrive in any order, so it may be any of the last that is turned away.
        while '"/v1/predict",status="429"} 1.0' not in server.client.get("/metrics").text:
            time.sleep(0.1)
        assert server.client.get("/healthz").status_code == 200
    while server.client.post("/v1/predict", json={"text": TEXT}).status_code == 429:
        time.sleep(0.1)


def test_a_body_counts_until_its_answer_was_taken(start: Start):
    """A client that takes nothing of it is given up, and its connection is broken off."""
    server = start("--timeout", "2", "--max-body", "8000000")
    body = json.dumps({"text": TEXT, "meta": {"a": "x" * 7_000_000}}).encode()
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.sendall(head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        begun = time.monotonic()
        while not any('"/v1/predict", "status": 200' in line for line in server.log):
            assert time.monotonic() - begun < 60
            time.sleep(0.1)
        assert time.monotonic() - begun > 1.5
        taken = 0
        with contextlib.suppress(ConnectionError):
            while more := len(wire.recv(1 << 20)):
                taken += more
    assert taken < len(body)
    assert not [line for line in server.log if not line.startswith("{")]
    assert server.client.post("/v1/predict", json={"text": TEXT}).status_code == 200


def test_the_port_that_was_free_is_told(folder: ModelFolder):
    command = [sys.executable, "-m", "marsad", "serve", str(folder.path), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = json.loads(process.stderr.readline())["listening"]
        try:
            assert httpx.get(f"{address}/healthz", timeout=60).status_code == 200
        finally:
            process.kill()


def test_all_addresses_of_a_host_are_listened_at():
    addresses = {own[4][0] for own in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    with contextlib.ExitStack() as held:
        listening = [held.enter_context(own) for own in _listen("localhost", 0)]
        assert {own.getsockname()[0] for own in listening} <= addresses
        assert len({own.getsockname()[1] for own in listening}) == 1
        if {own.family for own in listening} == {socket.AF_INET, socket.AF_INET6}:
            assert len(listening) == len(addresses)


def test_a_client_that_reads_slowly_gets_its_answer(start: Start):
    server = start("--timeout", "2", "--max-body", "8000000")
    body = json.dumps({"text": TEXT, "meta": {"a": "x" * 5_000_000}}).encode()
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(60)
        wire.connect(("127.0.0.1", server.port))
        wire.sendall(
            head + b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        taken = 0
        while more := len(wire.recv(65_536)):
            taken += more
            time.sleep(0.1)
    assert taken > len(body)


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "no-such-host.invalid"])
def test_a_host_that_is_none_is_one_line(
    host: str, folder: ModelFolder, capsys: pytest.CaptureFixture[str]
):
    assert run(["serve", str(folder.path), "--host", host]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"marsad: {host}:8000: cannot listen there (")


def test_a_time_out_that_is_infinite_is_refused(
    folder: ModelFolder, capsys: pytest.CaptureFixture[str]
):
    assert run(["serve", str(folder.path), "--timeout", "inf"]) == 2
    assert "--timeout" in capsys.readouterr().err


def test_pages_of_an_allowed_site_may_name_requests_and_read_the_names(start: Start):
    site = {"Origin": "https://desk.example"}
    server = start("--cors", site["Origin"])
    asking = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-request-id",
    }
    assert server.client.options("/v1/predict", headers=site | asking).status_code == 200
    answer = server.client.post(
        "/v1/predict", json={"text": TEXT}, headers=site | {"X-Request-ID": "mine"}
    )
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["access-control-expose-headers"] == "Retry-After, X-Request-ID"


def test_an_address_that_is_taken_is_one_line(server: Server, folder: ModelFolder):
    command = [sys.executable, "-m", "marsad", "serve", str(folder.path), "--port"]
    done = subprocess.run([*command, str(server.port)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == (
        f"marsad: 127.0.0.1:{server.port}: cannot listen there (Address already in use); name "
        "another --host or --port\n"
    )


def test_sigterm_lets_accepted_requests_be_answered(start: Start):
    server = start(*LONG)
    text = " ".join([TEXT] * 10_000)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.client.post, "/v1/predict", json={"text": text})
        while "marsad_waiting_words 0.0" in httpx.get(f"{server.client.base_url}/metrics").text:
            assert not answer.done()
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        assert answer.result(60).status_code == 200
    assert len(answer.result().json()["documents"][0]["text"]) == len(text)
    server.process.wait(30)
    with pytest.raises(httpx.TransportError):
        server.client.get("/readyz")


def test_a_stream_answers_a_client_that_waits_for_each_record(server: Server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
        head = b"POST /v1/predict/stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        wire.sendall(head)
        for number in range(3):
            line = json.dumps({"id": f"n{number}", "text": TEXT}).encode() + b"\n"
            wire.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            said = b""
            while f'"id": "n{number}"'.encode() not in said:
                said += wire.recv(65536)


def test_a_stream_that_stands_still_is_closed(start: Start):
    server = start("--timeout", "1")
    line = json.dumps({"id": "a", "text": TEXT}).encode() + b"\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
        head = b"POST /v1/predict/stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        wire.sendall(head + b"%x\r\n%s\r\n" % (len(line), line))
        said, begun = b"", time.monotonic()
        while b'"status": 408' not in said:
            said += wire.recv(65536)
            assert time.monotonic() - begun < 60
    assert b'"id": "a"' in said
    assert b"nothing came for 1 s" in said
    assert server.client.get("/readyz").status_code == 200


def test_a_client_that_reads_nothing_is_given_up(start: Start):
    """What it holds of the server is let go: its line stands in the log."""
    server = start("--timeout", "1", "--at-once", "2")
    line = json.dumps({"text": TEXT * 40}).encode() + b"\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.sendall(
            b"POST /v1/predict/stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(5000):  # records fill the buffers until nothing more is taken
                wire.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        begun = time.monotonic()
        while not any("/v1/predict/stream" in line for line in server.log):
            assert time.monotonic() - begun < 60
            time.sleep(0.1)
    assert server.client.get("/readyz").status_code == 200
