import re
from dataclasses import replace

import pytest

from pipelines.errors import SettingsError
from pipelines.labelling_settings import EndpointSettings

HERE = EndpointSettings(url="http://127.0.0.1:8000/v1", model="small")


@pytest.mark.parametrize("url", ["http://h/v1", "https://h:8443/serving-endpoints", "http://[::1]:8000/v1", HERE.url])
def test_an_endpoint_is_an_address_over_http(url: str) -> None:
    assert replace(HERE, url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://h/v1", "h:8000/v1", "http://", "http:///v1", "http://me:secret@h/v1",
        "http://secret@h/v1", "http://h/v1?key=secret", "http://h/v1#secret", "http://h:port/v1", "http://[::1/v1",
        "javascript:alert(1)",
    ],
)  # fmt: skip
def test_another_address_or_one_with_a_secret_in_it_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=re.escape("Setting endpoint.url: must be http(s)://HOST")) as refused:
        replace(HERE, url=url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": ""}, "endpoint.model: must name the served model"),
        ({"timeout_seconds": 0.0}, "endpoint.timeout_seconds: must be above 0"),
        ({"read_timeout_seconds": float("nan")}, "endpoint.read_timeout_seconds: must be above 0"),
        ({"retries": -1}, "endpoint.retries: must be at least 0"),
        ({"retries": 11}, "endpoint.retries: must be at most 10"),
        ({"concurrency": 0}, "endpoint.concurrency: must be at least 1"),
        ({"max_response_bytes": 10}, "endpoint.max_response_bytes: must be at least 1024"),
        ({"price_in": -1.0}, "endpoint.price_in: must be at least 0"),
    ],
)
def test_an_endpoint_without_end_or_sense_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)):
        replace(HERE, **change)


def test_without_an_address_the_endpoint_is_off_and_needs_no_model() -> None:
    assert EndpointSettings().url == ""


def test_tokens_are_priced_by_the_million() -> None:
    assert replace(HERE, price_in=0.5, price_out=2.0).cost(1_000_000, 500_000) == 1.5
