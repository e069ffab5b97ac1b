"""Personal values planted everywhere stay in bronze: not in other tables, `_delta_log`, checkpoints or logs."""

import json
from collections.abc import Callable
from pathlib import Path

from pipelines.adapters.detectors import build_redactor
from pipelines.adapters.kafka import OutgoingMessage
from pipelines.redaction_policy import RedactionSettings
from tests.jobs.conftest import MONDAY_MS, Lake, ticket
from tests.leaks import find_leaks

IN_TEXTS = {
    "e-mail": ["zelda.quist@example.org", "orrin_pace77@example.com", "tilda@mail.example.net"],
    "phone": ["+44 20 7946 0958", "(212) 555-0187", "+49 30 901820"],
    "card": ["4111 1111 1111 1111", "5500005555555559", "371449635398431"],
    "iban": ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"],
    "ssn": ["078-05-1120", "219-09-9999", "457-55-5462"],
    "ip": ["203.0.113.77", "198.51.100.23", "2001:db8::8a2e:370:7334"],
}
ELSEWHERE = [
    "Quillon Vextrap",
    "quillon.vextrap@example.org",
    "key-of-quillon",
    "header-of-quillon",
    "half a ticket of Q.V.",
]
SENTENCES = [
    "refund please, you can reach me at {}",
    "card problem, my details are {} as you know",
    "login fails, I gave {} to your colleague",
]


def planted_messages() -> list[OutgoingMessage]:
    texts = [SENTENCES[number % 3].format(value) for values in IN_TEXTS.values() for number, value in enumerate(values)]
    name, address, key, header, broken = ELSEWHERE
    customer = {"name": name, "email": address}
    messages = [ticket(number, text, subject=f"about {text}", customer=customer) for number, text in enumerate(texts)]
    payload = json.dumps({"source": "chat", "created_at": "2026-01-05", "text": "login fails"}).encode()
    marked = OutgoingMessage(
        value=payload, key=key.encode(), headers=(("who", header.encode()),), timestamp_ms=MONDAY_MS
    )
    return [*messages, marked, OutgoingMessage(value=b'{"text": "' + broken.encode(), timestamp_ms=MONDAY_MS)]


def test_planted_values_stay_in_bronze(make_lake: Callable[..., Lake], scratch: Path) -> None:
    lake = make_lake(redactor=build_redactor(RedactionSettings()))
    lake.send(*planted_messages())
    annotator = "vextrap@annotators.example"
    lake.drop(
        "2026/01/05/a.csv", f"text,annotator_id,label,confidence_score\nlogin of {ELSEWHERE[1]},{annotator},login,0.9\n"
    )
    lake.run()
    values = [value for values in IN_TEXTS.values() for value in values] + [*ELSEWHERE, annotator]
    bronze = str(Path("tables") / "bronze")
    assert {leak.rpartition(" ")[2] for leak in find_leaks(lake.root / "tables" / "bronze", values)} == {
        str(number) for number in range(len(values))
    }, "the scanner finds every value where it must be"
    assert find_leaks(lake.root, values, skip=(bronze, "landing")) == []
    assert find_leaks(lake.root / bronze / "tickets" / "_delta_log", values) == []
    assert find_leaks(lake.root / bronze / "label_files" / "_delta_log", values) == []
    assert find_leaks(scratch / "logs", values) == []
