"""Made-up tickets with exact and near duplicates, and the pairs that brute force finds among them."""

from random import Random

import numpy as np
from scipy import sparse

OPENINGS = (
    "Hello,", "Hi there,", "Good morning,", "To whom it may concern,", "Hi all,", "Dear team,", "Hey,", "Greetings,",
)  # fmt: skip
SENTENCES = (
    "my order {number} has not arrived although the tracking page says it was delivered on {day}.",
    "I was charged twice for the same {product} and would like the second payment returned to my card.",
    "the {product} that I bought in {month} stopped working after only {small} days.",
    "when I log in from my {device} the page stays blank and nothing happens for minutes.",
    "could you please change the delivery address of parcel {number} before it leaves {city}?",
    "the invoice of {day} shows {small} items but I only received one of them.",
    "I have already written to you on {day} and nobody has answered me yet.",
    "your colleague {name} promised a refund of {small} euros within one week.",
    "how do I cancel my subscription before the end of {month} without losing my {product}?",
    "the discount code {number} is refused at the checkout, whatever I try.",
    "please close my account and delete everything that you have stored about me.",
    "since the update of {month} the app on my {device} crashes every time I open it.",
    "the courier in {city} left the box outside in the rain and the {product} is ruined.",
    "I need a copy of the receipt {number} for my tax declaration.",
    "is it possible to exchange the {product} for a larger one in your shop in {city}?",
    "my bank tells me that the transfer {number} was sent back for lack of details.",
    "I never ordered this {product} and I do not know who {name} is.",
    "the verification code does not reach my {device}, neither by message nor by call.",
    "somebody has changed my password on {day} and I am afraid that my data are lost.",
    "I am moving to {city} in {month} and want to take my contract with me.",
    "the chat ended while {name} was looking for my file with the number {number}.",
    "the manual of the {product} is missing and the one on your site is for another model.",
)
ENDINGS = ("Thanks, {name}", "Kind regards, {name}", "Best, {name}", "Yours, {name} from {city}", "{name}")
SLOTS = {
    "product": ("coffee machine", "headset", "winter jacket", "travel bag", "desk lamp", "phone case", "bicycle lock"),
    "device": ("laptop", "tablet", "old phone", "work computer", "television"),
    "city": ("Leeds", "Porto", "Graz", "Ghent", "Malmo", "Turin", "Lyon", "Bergen", "Krakow", "Seville"),
    "month": ("January", "March", "April", "June", "August", "October", "December"),
    "day": ("Monday", "Tuesday", "last Friday", "the 3rd", "the 14th", "the 21st", "the 30th", "Sunday night"),
    "name": ("Ines", "Tom", "Marta", "Jonas", "Priya", "Luca", "Aisha", "Erik", "Noor", "Sam", "Olga", "Hugo"),
}
WORDS = tuple(
    "".join(letters) for letters in zip("bcdfghlmnprst" * 40, "aeiou" * 104, "lnrstm" * 87, "eaoiu" * 104, strict=False)
)


def write_ticket(random: Random) -> str:
    """Some 45 words: usual sentences with slots, and one of the customer's own."""
    sentences = [
        *random.sample(SENTENCES, random.randint(1, 3)),
        " ".join(random.choices(WORDS, k=random.randint(6, 16))),
    ]
    random.shuffle(sentences)
    text = " ".join([random.choice(OPENINGS), *sentences, random.choice(ENDINGS)])
    for slot, choices in SLOTS.items():
        while "{" + slot + "}" in text:
            text = text.replace("{" + slot + "}", random.choice(choices), 1)
    while "{number}" in text:
        text = text.replace("{number}", str(random.randint(100_000, 999_999)), 1)
    return text.replace("{small}", str(random.randint(2, 99)))


def vary(text: str, random: Random) -> str:
    """Change one to six words."""
    words = text.split(" ")
    for _ in range(random.randint(1, 6)):
        words[random.randrange(len(words))] = random.choice(WORDS)
    return " ".join(words)


def make_tickets(count: int, seed: int, exact_share: float = 0.3, near_share: float = 0.3) -> list[str]:
    """Make tickets in the order of arrival; a duplicate follows what it was made of, anywhere later."""
    random = Random(seed)
    tickets: list[str] = []
    for _ in range(count):
        kind = random.random()
        if tickets and kind < exact_share:
            tickets.append(random.choice(tickets))
        elif tickets and kind < exact_share + near_share:
            tickets.append(vary(random.choice(tickets), random))
        else:
            tickets.append(write_ticket(random))
    return tickets


def brute_force(texts: list[str], least: float, block: int = 400) -> dict[tuple[int, int], float]:
    """Find all pairs of different texts with a Jaccard similarity of at least `least`, comparing each with each.

    Nothing of the product is used: shingles are strings, counted in a dictionary, and common ones are counted by the
    product of the texts' incidence matrix with itself.
    """
    numbers: dict[str, int] = {}
    rows = [{numbers.setdefault(text[i : i + 5], len(numbers)) for i in range(len(text) - 4)} for text in texts]
    sizes = np.array([len(row) for row in rows])
    columns = np.concatenate([np.fromiter(row, dtype=np.int64) for row in rows])
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    matrix = sparse.csr_matrix(
        (np.ones(len(columns), dtype=np.int32), columns, bounds), shape=(len(rows), len(numbers))
    )
    turned, found = matrix.T.tocsr(), {}
    for start in range(0, len(rows), block):
        common = (matrix[start : start + block] @ turned).tocoo()
        left, right = common.row + start, common.col
        similarity = common.data / (sizes[left] + sizes[right] - common.data)
        for place in np.flatnonzero((similarity >= least) & (left < right)):
            found[int(left[place]), int(right[place])] = float(similarity[place])
    return found
