"""Passwords, codes, keys and tokens: what goes, what stays, on made-up values; nothing here was ever anybody's."""

import random
import string
from collections.abc import Callable
from time import process_time

import pytest
import regex

from pipelines.adapters.detectors import redact_text, redact_texts
from pipelines.adapters.plate_patterns import PLATES
from pipelines.adapters.secret_patterns import SECRETS
from pipelines.configuration import load_settings

SETTINGS = load_settings([], environment={}).redaction
LETTERS, DIGITS = string.ascii_letters, string.digits
ALNUM = LETTERS + DIGITS
GITHUB = "ghp_" + "a1B2c3" * 6
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLTEyMzQ"
BLOCK = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0a1b2c3d4e5f\nq83v/+Zz==\n-----END RSA PRIVATE KEY-----"
GO = [
    ("password is hunter2", "password is <SECRET>"),
    ("my password is hunter2, it fails", "my password is <SECRET>, it fails"),
    ("Password: Sunshine", "Password: <SECRET>"),
    ("pwd: tr0ub4dor&3.", "pwd: <SECRET>."),
    ("pwd=letmein", "pwd=<SECRET>"),
    ("the password was 'correct horse'", "the password was '<SECRET>'"),
    ("I changed my password to blue42sky yesterday", "I changed my password to <SECRET> yesterday"),
    ("hunter2 is my password", "<SECRET> is my password"),
    ("my passcode 4711 does not work", "my passcode 4711 does not work"),
    ("my passcode 471108 does not work", "my passcode <SECRET> does not work"),
    ("my PIN is 4711.", "my PIN is <SECRET>."),
    ("they refuse my pin 0815", "they refuse my pin <SECRET>"),
    ("the one-time code is 482 913", "the one-time code is <SECRET>"),
    ("verification code: G-482913", "verification code: <SECRET>"),
    ("CVV 123", "CVV <SECRET>"),
    ("api_key=9f8e7d6c5b4a", "api_key=<SECRET>"),
    ("the access token is 0a1b2c3d4e5f6071", "the access token is <SECRET>"),
    ("Authorization: Bearer abcdefghijklmnopqrst", "Authorization: Bearer <SECRET>"),
    (f"it says {GITHUB} in the log", "it says <SECRET> in the log"),
    ("AKIAIOSFODNN7EXAMPLE leaked", "<SECRET> leaked"),
    (f"the header {JWT}, is it old?", "the header <SECRET>, is it old?"),
    (f"here:\n{BLOCK}\nthanks", "here:\n<SECRET>\nthanks"),
    (f"here:\n{BLOCK[:61]}", "here:\n<SECRET>\n"),
    ("seed phrase: " + "apple river stone " * 4 + "- help", "seed phrase: <SECRET> - help"),
]
STAY = [
    "I forgot my password",
    "my password is not working",
    "my password is wrong!",
    "The password is incorrect, and the passcode is expired.",
    "Password: reset needed",
    "Password: forgotten",
    "the password is 8-digit",
    "my password is <USER_PASSWORD>",
    "password is required, how do I set one",
    "I reset my password 2 days ago",
    "the password is sent to my phone",
    "My PIN is blocked after 3 tries",
    "I changed my PIN 3 times",
    "the PIN is 4 digits long",
    "the verification code does not reach me",
    "the error code 403 came up",
    "the discount code SAVE20 is refused",
    "a token of appreciation for order 4711001",
    "What is my password",
    "this is my pin",
    "the key to success, a task-oriented team",
    "password <SECRET>, PIN: <SECRET>, Bearer <SECRET>",
]


@pytest.mark.parametrize(("text", "expected"), GO)
def test_secrets_go_whole_and_nothing_beside_them(text: str, expected: str) -> None:
    assert redact_text(text, SETTINGS).text == expected


@pytest.mark.parametrize("text", STAY)
def test_what_only_speaks_of_secrets_stays(text: str) -> None:
    assert redact_text(text, SETTINGS).text == text


def draw_token(draw: random.Random) -> tuple[str, str]:
    """Make a key or token by its maker's form, in a sentence that does not say what it is."""

    def some(count: int, alphabet: str = ALNUM) -> str:
        return "".join(draw.choices(alphabet, k=count))

    value = draw.choice(
        (
            lambda: "AKIA" + some(16, string.ascii_uppercase + DIGITS),
            lambda: "ghp_" + some(36),
            lambda: "github_pat_" + some(22) + "_" + some(59),
            lambda: "glpat-" + some(20, ALNUM + "-_"),
            lambda: f"xoxb-{some(12, DIGITS)}-{some(24)}",
            lambda: "sk_live_" + some(24),
            lambda: "sk-proj-" + some(20) + "7" + some(20),
            lambda: "AIza" + some(35, ALNUM + "-_"),
            lambda: "npm_" + some(36),
            lambda: "SG." + some(22) + "." + some(43),
            lambda: f"eyJ{some(30)}.eyJ{some(60, ALNUM + '-_')}.{some(43, ALNUM + '-_')}",
            lambda: f"-----BEGIN PRIVATE KEY-----\n{some(64)}\n{some(50)}==\n-----END PRIVATE KEY-----",
        )
    )()
    return value, draw.choice(("it says {} there", "{}", "see ({}).", 'x="{}"', "{}, why?")).format(value)


def draw_password(draw: random.Random) -> tuple[str, str]:
    """Make a password or code behind its cue."""
    signs = "!@#$%&*+=-_"
    word = "".join(draw.choices(LETTERS, k=draw.randint(3, 8)))
    mixed = word + draw.choice(DIGITS) + "".join(draw.choices(ALNUM + signs, k=draw.randint(1, 8))) + draw.choice(ALNUM)
    code = "".join(draw.choices(DIGITS, k=draw.randint(4, 8)))
    value, cues = draw.choice(
        (
            (mixed, ("password is {}", "Password: {}", "pwd={}", "my passcode is {}", "the new password is '{}'")),
            (mixed, ("passwd: {}", "pass: {}", "changed my password to {}", "mia, password {}", "{} is my password")),
            (code, ("my PIN is {}", "PIN: {}", "pin code {}", "OTP {}", "the verification code is {}", "{} is my pin")),
            (code, ("security code: {}", "my one-time code is {}", "2FA code {}", "login code was {}")),
        )
    )
    return value, draw.choice(cues).format(value) + draw.choice(("", ".", ", please help", " and it fails"))


@pytest.mark.parametrize("make", [draw_token, draw_password])
def test_generated_secrets_are_found_and_nothing_is_found_again(
    make: Callable[[random.Random], tuple[str, str]],
) -> None:
    draw = random.Random(3)
    made = [make(draw) for _ in range(400)]
    answers = redact_texts([text for _, text in made], SETTINGS)
    missed = [
        f"{text} -> {answer.text}"
        for (value, text), answer in zip(made, answers, strict=True)
        if answer.text is None or any(part in answer.text for part in value.split("\n"))
    ]
    assert len(missed) <= 4, missed
    once = [answer.text or "" for answer in answers]
    again = redact_texts(once, SETTINGS)
    assert [(answer.text, answer.spans) for answer in again] == [(text, ()) for text in once]


@pytest.mark.parametrize(
    "piece",
    ["password is ", "password ", "pin code ", "eyJ", "eyJaaaaaaaa.", "-----BEGIN PRIVATE KEY-----\n", "sk-", "token: ",
     "a1", "a1 is my ", "passphrase: apple ", "password: '", "Bearer ", "token 1....", "1-", "ghp_a1", "xoxb-1",
     "AB-12-", "plate of my ", "car "],
)  # fmt: skip
def test_four_times_the_text_takes_about_four_times_as_long(piece: str) -> None:
    compiled = [regex.compile(form, regex.M | regex.S | regex.I) for form, _ in (*SECRETS, *PLATES)]
    seconds = []
    for size in (10_000, 40_000):
        start = process_time()
        for form in compiled:
            assert all(found.end() > found.start() for found in form.finditer(piece * (size // len(piece))))
        seconds.append(process_time() - start)
    # Four times the text; what is quadratic takes sixteen times as long.
    assert seconds[1] < 10 * max(seconds[0], 0.01)
