"""A small real HTTP server that speaks the protocol of OpenAI's completions, backed by a scorer that only hashes.

It fails on demand in the ways that servers do, and keeps every request it got.
"""

import hashlib
import json
import math
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "small-model"
VOCABULARY = ("A", "B", "C", "D", " A", "The", "I", "{", "\n", "<|im_end|>")
MOST_LOGPROBS = 20
DRIP_SECONDS = 0.03


class Fault(StrEnum):
    SILENCE = "says nothing"
    ERROR = "500"
    UNAVAILABLE = "503"
    BUSY = "429"
    BUSY_WAIT = "429 with Retry-After"
    REJECT = "400, quoting what it got"
    REDIRECT = "307 elsewhere"
    DRIP = "a byte now and then"
    DRIP_HEADERS = "a byte of the headers now and then"
    HALF = "half a body"
    RESET = "breaks the connection off"
    BAD_JSON = "no JSON"
    NO_LOGPROBS = "no probabilities"
    OUTSIDE = "labels outside the set"
    HUGE = "too long a body"
    KILL = "dies"


UNFINISHED = (Fault.SILENCE, Fault.DRIP, Fault.DRIP_HEADERS, Fault.HALF, Fault.RESET, Fault.KILL)
"""What leaves a connection that nobody can go on with; after any other answer the client may use it again."""
STATUSES = {Fault.ERROR: 500, Fault.UNAVAILABLE: 503, Fault.BUSY: 429, Fault.BUSY_WAIT: 429, Fault.REJECT: 400}


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, object]

    @property
    def prompt(self) -> str:
        messages = self.body.get("messages")
        return str(messages[0]["content"] if isinstance(messages, list) else self.body["prompt"])

    @property
    def parameters(self) -> dict[str, object]:
        return {key: value for key, value in self.body.items() if key not in ("messages", "prompt")}


@dataclass
class Endpoint:
    """The server as its test sees it: what it shall do next, and what it got."""

    fault: Callable[[Received, int], Fault | None] = lambda request, number: None
    """Given a request and how many with the same prompt came before it."""
    most_at_once: int = 1_000
    most_prompt_chars: int = 1_000_000
    overload_status: int = 507
    think_seconds: float = 0.0
    key: str = ""
    elsewhere: str = ""
    bare: bool = False
    """Give only the chosen token where the likeliest were asked for."""
    received: list[Received] = field(default_factory=list)
    port: int = 0
    at_once: int = 0
    turned_away: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)
    sockets: set[socket.socket] = field(default_factory=set)
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        self.stopping = threading.Event()
        self.server = Server(("127.0.0.1", self.port), Handler, self)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def kill(self) -> None:
        """Close the port and every connection, as the end of a process does."""
        server, self.server = self.server, None
        if server is None:
            return
        self.stopping.set()
        server.shutdown()
        server.server_close()
        for one in list(self.sockets):
            reset(one)

    def prompts(self) -> list[str]:
        return [request.prompt for request in self.received]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: "type[Handler]", endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        super().__init__(address, handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.endpoint.sockets.add(self.connection)

    def finish(self) -> None:
        self.server.endpoint.sockets.discard(self.connection)
        super().finish()

    def log_message(self, form: str, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        endpoint = self.server.endpoint
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = Received(self.path, {key.lower(): value for key, value in self.headers.items()}, content)
        with endpoint.lock:
            number = sum(earlier.prompt == request.prompt for earlier in endpoint.received)
            endpoint.received.append(request)
            endpoint.at_once += 1
            crowded = endpoint.at_once > endpoint.most_at_once
            endpoint.turned_away += crowded
        try:
            endpoint.stopping.wait(endpoint.think_seconds)
            self.respond(request, endpoint.fault(request, number), crowded)
        finally:
            with endpoint.lock:
                endpoint.at_once -= 1

    def respond(self, request: Received, fault: Fault | None, crowded: bool) -> None:
        endpoint = self.server.endpoint
        refusal = refuse(request, endpoint)
        if crowded or len(request.prompt) > endpoint.most_prompt_chars:
            self.reply(endpoint.overload_status, {"error": {"message": f"out of memory: {request.prompt}"}})
        elif refusal:
            self.reply(refusal, {"error": {"message": f"refused: {request.prompt}"}})
        elif fault in STATUSES:
            headers = {"Retry-After": "1"} if fault == Fault.BUSY_WAIT else {}
            self.reply(STATUSES[fault], {"error": {"message": f"could not do: {request.prompt}"}}, headers)
        elif fault is not None:
            self.misbehave(request, fault)
        else:
            self.reply(200, complete(request, endpoint.bare))

    def misbehave(self, request: Received, fault: Fault) -> None:
        endpoint, answer = self.server.endpoint, complete(request, False)
        self.close_connection = fault in UNFINISHED
        if fault == Fault.SILENCE:
            endpoint.stopping.wait(5)
        elif fault == Fault.REDIRECT:
            self.reply(307, {}, {"Location": endpoint.elsewhere})
        elif fault in (Fault.DRIP, Fault.DRIP_HEADERS):
            self.drip(json.dumps(answer).encode(), fault == Fault.DRIP_HEADERS)
        elif fault == Fault.HALF:
            text = json.dumps(answer).encode()
            self.head(200, len(text))
            self.wfile.write(text[: len(text) // 2])
        elif fault == Fault.RESET:
            reset(self.connection)
        elif fault == Fault.KILL:
            endpoint.kill()
        else:
            self.reply_nonsense(request, fault, answer)

    def reply_nonsense(self, request: Received, fault: Fault, answer: dict[str, object]) -> None:
        if fault == Fault.BAD_JSON:
            self.write(200, f'{{"choices": [{{"text": "{request.prompt}'.encode())
        elif fault == Fault.HUGE:
            self.write(200, json.dumps({**answer, "padding": "x" * 1_000_000}).encode())
        elif fault == Fault.NO_LOGPROBS:
            self.reply(200, {**answer, "choices": [{"index": 0, "message": {"content": request.prompt}}]})
        else:
            choice = {
                "index": 0,
                "logprobs": lay_out(request, {"Z": math.log(0.9), request.prompt: math.log(0.1)}, "Z"),
            }
            self.reply(200, {**answer, "choices": [choice]})

    def drip(self, text: bytes, in_headers: bool) -> None:
        if in_headers:
            text = b"HTTP/1.1 200 OK\r\nContent-Length: " + str(len(text)).encode() + b"\r\n\r\n" + text
        else:
            self.head(200, len(text))
        for place in range(len(text)):
            self.wfile.write(text[place : place + 1])
            self.wfile.flush()
            if self.server.endpoint.stopping.wait(DRIP_SECONDS):
                return

    def reply(self, status: int, content: dict[str, object], headers: dict[str, str] | None = None) -> None:
        self.write(status, json.dumps(content).encode(), headers)

    def write(self, status: int, text: bytes, headers: dict[str, str] | None = None) -> None:
        self.head(status, len(text), headers)
        self.wfile.write(text)

    def head(self, status: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(length),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()


def refuse(request: Received, endpoint: Endpoint) -> int | None:
    """Give the status with which such servers refuse what they cannot serve."""
    likeliest = request.body["top_logprobs"] if request.path == "/v1/chat/completions" else request.body["logprobs"]
    if endpoint.key and request.headers.get("authorization") != f"Bearer {endpoint.key}":
        return 401
    if request.path not in ("/v1/chat/completions", "/v1/completions") or request.body["model"] != MODEL:
        return 404
    return 400 if not isinstance(likeliest, int) or not 0 < likeliest <= MOST_LOGPROBS else None


def score(prompt: str) -> dict[str, float]:
    """Give each token of the vocabulary a probability that depends on the prompt alone."""
    digests = {token: hashlib.sha256(f"{token}|{prompt}".encode(errors="surrogatepass")) for token in VOCABULARY}
    weights = {token: math.exp(digest.digest()[0] / 64) for token, digest in digests.items()}
    return {token: weight / sum(weights.values()) for token, weight in weights.items()}


def complete(request: Received, bare: bool) -> dict[str, object]:
    """Answer as vLLM does: probabilities as the model has them, the chosen token as the codes allow it."""
    probabilities = score(request.prompt)
    allowed = allowed_tokens(request.body)
    chosen = max(allowed, key=lambda token: probabilities[token])
    logs = {token: math.log(probability) for token, probability in probabilities.items()}
    usage = {"prompt_tokens": len(request.prompt.split()), "completion_tokens": 1}
    told = {chosen: logs[chosen]} if bare else logs
    choice = {"index": 0, "finish_reason": "length", "logprobs": lay_out(request, told, chosen)}
    return {"id": "x", "model": MODEL, "choices": [choice], "usage": usage}


def allowed_tokens(body: dict[str, object]) -> list[str]:
    held, bias = body.get("structured_outputs", {}), body.get("logit_bias", {})
    choices = held["choice"] if isinstance(held, dict) and held else body.get("guided_choice")
    if isinstance(choices, list):
        return choices
    return [VOCABULARY[int(one)] for one in bias] if isinstance(bias, dict) and bias else list(VOCABULARY)


def lay_out(request: Received, logs: dict[str, float], chosen: str) -> dict[str, object]:
    """Tell logarithms of probabilities in the form of a chat or of a completion."""
    if request.path != "/v1/chat/completions":
        return {"tokens": [chosen], "token_logprobs": [logs[chosen]], "top_logprobs": [logs], "text_offset": [0]}
    listed = [{"token": token, "logprob": log, "bytes": None} for token, log in logs.items()]
    return {"content": [{"token": chosen, "logprob": logs[chosen], "top_logprobs": listed}]}


def reset(connection: socket.socket) -> None:
    """Close a connection the hard way: the other side sees a reset, not an end."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@contextmanager
def serving(**settings: object) -> Iterator[Endpoint]:
    """Run an endpoint on a free port of this machine."""
    endpoint = Endpoint()
    for name, value in settings.items():
        setattr(endpoint, name, value)
    endpoint.start()
    try:
        yield endpoint
    finally:
        endpoint.kill()
