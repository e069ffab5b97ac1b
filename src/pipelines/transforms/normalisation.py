"""Text normalisation: the form that spans count in, and what a detector sees of it, in as many code points."""

import unicodedata


class CodePointRules(dict[int, int | None]):
    """What `str.translate` does with each code point, worked out when first met."""

    def __missing__(self, code: int) -> int | None:
        """Keep visible characters; fold white space; drop what is invisible: it hides values from a detector."""
        category = unicodedata.category(chr(code))
        if chr(code) in "\r\x85" or category in ("Zl", "Zp"):
            rule: int | None = ord("\n")
        elif category == "Zs":
            rule = ord(" ")
        else:
            rule = None if category in ("Cc", "Cf", "Cs") and chr(code) not in "\n\t" else code
        self[code] = rule
        return rule


CODE_POINT_RULES = CodePointRules()


def normalise_text(text: str) -> str:
    """Give the form that spans count in: NFC, plain spaces and line ends, no control or zero-width characters."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").translate(CODE_POINT_RULES))


class FoldingRules(dict[int, int]):
    """What `str.translate` does with each code point for the detector's eyes, worked out when first met."""

    def __missing__(self, code: int) -> int:
        """Show full-width and mathematical letters, foreign digits and typographic marks in their plain form."""
        char = chr(code)
        plain = PLAIN_MARKS.get(char) or unicodedata.normalize("NFKC", char)
        digit = unicodedata.decimal(char, None)
        if digit is not None:
            plain = str(digit)
        self[code] = ord(plain) if len(plain) == 1 else code
        return self[code]


PLAIN_MARKS = {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-", "\u2212": "-"}
FOLDING_RULES = FoldingRules()


def view(text: str) -> str:
    """Give a normalised text as a detector reads it: as many code points, so that spans are the same in both."""
    return text.translate(FOLDING_RULES)
