"""Made-up personal values of twelve types, the same in every run, each with a sentence it would stand in.

Numbers come from ranges kept for fiction and documentation, or that are never issued; names are invented syllables.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

EACH = 25
SEED = 20260105
GIVEN = ["Anna", "Pedro", "Ingrid", "Tomasz", "Aisha", "Yusuf", "Leila", "Marco", "Katarzyna", "Rajesh"]
SYLLABLES = ["vex", "qui", "zor", "mel", "tra", "kol", "bri", "wen", "dax", "phil", "gru", "osk", "ly", "nar"]
HOSTS = ["example.com", "example.org", "example.net"]
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
OPENINGS = ["refund please, ", "card problem, ", "login fails, "]
SENTENCES = {
    "PERSON": "my name is {}",
    "LOCATION": "I live at {}",
    "EMAIL_ADDRESS": "write to {} about it",
    "PHONE_NUMBER": "call me on {} about it",
    "CREDIT_CARD": "I paid with {} as you know",
    "IBAN_CODE": "send it to {} as you know",
    "US_SSN": "my social security number is {}",
    "IP_ADDRESS": "it came from {} as you know",
    "URL": "my page is {} as you know",
    "CRYPTO": "send it to my bitcoin wallet {} as you know",
    "US_PASSPORT": "my passport number is {}",
    "US_DRIVER_LICENSE": "my driver license number is {}",
}


@dataclass(frozen=True)
class Canary:
    """A planted value.

    Attributes:
        trace: the part of it that stands nowhere by chance: where it is found, the value has leaked.
        text: a ticket's text that holds the value.
    """

    type: str
    value: str
    trace: str
    text: str


def make_canaries(each: int = EACH) -> list[Canary]:
    """Make the canaries: `each` distinct ones of every type, types taking turns."""
    draw = Random(SEED)
    made: dict[str, Canary] = {}
    for round_number in range(each):
        for kind, make in MAKERS.items():
            value = make(draw)
            while value in made:
                value = make(draw)
            trace = {"PERSON": value.partition(" ")[2], "LOCATION": value.partition(",")[0]}.get(kind, value)
            text = OPENINGS[round_number % len(OPENINGS)] + SENTENCES[kind].format(value)
            made[value] = Canary(kind, value, trace, text)
    return list(made.values())


def surname(draw: Random) -> str:
    """Make a family name that nobody has and no dictionary lists."""
    return "".join(draw.choices(SYLLABLES, k=4)).capitalize()


def person(draw: Random) -> str:
    return f"{draw.choice(GIVEN)} {surname(draw)}"


def address(draw: Random) -> str:
    street = draw.choice(["Street", "Avenue", "Road", "Lane"])
    return f"{draw.randrange(1, 999)} {surname(draw)} {street}, {draw.choice(['Leeds', 'Denver', 'Austin'])}"


def email(draw: Random) -> str:
    separator = draw.choice([".", "_", "-", "+"])
    return f"{draw.choice(GIVEN).lower()}{separator}{surname(draw).lower()}@{draw.choice(HOSTS)}"


def phone(draw: Random) -> str:
    area, line = draw.choice(["212", "312", "415", "617"]), draw.randrange(100)
    return draw.choice(
        [
            f"+44 20 7946 0{draw.randrange(1000):03d}",
            f"({area}) 555-01{line:02d}",
            f"+1 {area} 555 01{line:02d}",
            f"+33 1 99 00 {draw.randrange(100):02d} {line:02d}",
            f"{area}-555-01{line:02d}",
        ]
    )


def card(draw: Random) -> str:
    digits = draw.choice(["4", "51", "55"])
    digits += "".join(str(draw.randrange(10)) for _ in range(15 - len(digits)))
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
    digits += str(-sum(number // 10 + number % 10 for number in doubled) % 10)
    separator = draw.choice(["", " ", "-"])
    return separator.join(digits[start : start + 4] for start in range(0, 16, 4))


def iban(draw: Random) -> str:
    country, size = draw.choice([("DE", 18), ("FR", 23), ("ES", 20), ("AT", 16)])
    account = "".join(str(draw.randrange(10)) for _ in range(size))
    check = 98 - int(account + "".join(str(int(letter, 36)) for letter in country) + "00") % 97
    compact = f"{country}{check:02d}{account}"
    return draw.choice([compact, " ".join(compact[start : start + 4] for start in range(0, len(compact), 4))])


def social_security(draw: Random) -> str:
    # Numbers from 900 on are never given out.
    return f"{draw.randrange(900, 1000)}-{draw.randrange(1, 100):02d}-{draw.randrange(1, 10_000):04d}"


def ip_address(draw: Random) -> str:
    first = draw.choice(["203.0.113", "198.51.100", "192.0.2"])
    groups = ":".join(f"{draw.randrange(4096, 65536):x}" for _ in range(4))
    return draw.choice([f"{first}.{draw.randrange(1, 255)}", f"2001:db8::{groups}"])


def page(draw: Random) -> str:
    owner, host = surname(draw).lower(), draw.choice(HOSTS)
    return draw.choice([f"https://{host}/~{owner}", f"www.{host}/users/{owner}", f"http://{owner}.{host}/me?id=7"])


def wallet(draw: Random) -> str:
    raw = b"\0" + draw.randbytes(20)
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    number, letters = int.from_bytes(raw, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        letters = ALPHABET[rest] + letters
    return "1" + letters


def passport(draw: Random) -> str:
    return draw.choice([f"{draw.randrange(10**8, 10**9)}", f"A{draw.randrange(10**7, 10**8)}"])


def licence(draw: Random) -> str:
    return f"{draw.choice('BDKMRS')}{draw.randrange(10**6, 10**7)}"


MAKERS: dict[str, Callable[[Random], str]] = {
    "PERSON": person,
    "LOCATION": address,
    "EMAIL_ADDRESS": email,
    "PHONE_NUMBER": phone,
    "CREDIT_CARD": card,
    "IBAN_CODE": iban,
    "US_SSN": social_security,
    "IP_ADDRESS": ip_address,
    "URL": page,
    "CRYPTO": wallet,
    "US_PASSPORT": passport,
    "US_DRIVER_LICENSE": licence,
}
