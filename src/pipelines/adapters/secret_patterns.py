r"""Tokens and passwords, said as patterns: `recognizers` runs them, `screen_patterns` says what a text needs for them.

A token goes by its form alone where that is unmistakable: a maker's prefix, an alphabet, a length. All that is shorter
goes only behind a word that says what it is. Every repetition is bounded or takes its characters once, and what may
follow a cue is disjoint from the next cue's: linear in the length of the text.
"""

from collections.abc import Callable

from pipelines.adapters.cue_words import CueWords

TOKENS = (
    r"(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}",
    r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}|gl(?:pat|ptt|dt|rt|cbt|soat)-[\w-]{20,255}",
    r"xox[abeoprs]-[\w-]{10,255}|xapp-\d-[\w-]{20,255}",
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,255}|whsec_[A-Za-z0-9+/=]{24,255}",
    r"sk-(?=[\w-]{0,64}?\d)[\w-]{20,255}",
    r"AIza[\w-]{35}|GOCSPX-[\w-]{28}|ya29\.[\w.-]{20,1024}",
    r"npm_[A-Za-z0-9]{36}|pypi-AgE[\w-]{50,512}|hf_[A-Za-z0-9]{34}|dckr_pat_[\w-]{27}",
    r"do[oprt]_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|key-[a-f0-9]{32}|SK[a-f0-9]{32}",
    r"SG\.[\w-]{16,64}\.[\w-]{16,128}|\d{8,10}:AA[\w-]{33}|AGE-SECRET-KEY-1[A-Z0-9]{58}",
    r"eyJ[\w-]{8,4096}+\.[\w-]{8,8192}+(?:\.[\w-]{0,8192}+){0,3}",
)
"""Keys of AWS, GitHub, GitLab, Slack, Stripe, OpenAI, Google, package indexes, hosts; JSON web tokens (RFC 7519)."""
KEY_BLOCK = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:[^-]|-(?!----))*+-----END [A-Z0-9 ]{0,40}-----|(?:\s{1,4}[A-Za-z0-9+/=]{16,100}+)*+)"
)
"""A private key (RFC 7468) from its first to its last line; where the last is missing, lines of its alphabet."""

PASSWORDS = (
    r"(?:pass[ -]?(?:word|code|phrase)|passwd|pwd|pswd|passwort|kennwort|mot de passe|contrase\u00f1a|contrasena)s?"
)
CODES = (
    r"(?:[tm]?-?pin(?:[ -]?(?:code|number|no\.?))?|otp(?:[ -]code)?|cvv2?|cvc2?|(?:one[ -]?time|verification|security|"
    r"authentication|auth|confirmation|login|log-in|sign-?in|access|unlock|backup|recovery|activation|2fa|mfa|sms)"
    r"[ -](?:pass)?(?:code|pin))"
)
KEYS = (
    r"(?:(?:api|secret|access|private|auth|client|encryption|account|licen[sc]e)[ _-]?(?:access[ _-]?)?"
    r"(?:key|token|secret)|token|secret(?=[:=]))"
)
QUOTE = r"[\"'`(\[]?"
ASSIGNS = r" ?(?:[:=]|->|=>) ?"
SAYS = rf"(?:{ASSIGNS}| (?:is|was|ist|est|es)[ :]{{1,2}})"
"""What joins a cue and its value."""
CHAR = r"(?:[^\s<\"`]|<(?!(?-i:\p{Lu}[\p{Lu}_])))"
"""Of a password: neither a quotation mark nor the beginning of a placeholder."""
END = r"(?<![.,;:!?)\]'])"
NO_WORD = (
    r"(?:again|asked|blocked|can't|cannot|changed?|correct|does(?:n't)?|expired|failed|forgot(?:ten)?|help|here|"
    r"incorrect|invalid|issues?|locked|lost|missing|needed|never|none|not|nothing|please|problems?|refused|rejected|"
    r"required|reset|same|stolen|unknown|update|urgent|what|wrong|yours?|hidden|redacted|removed|my|the|being)"
)
NO_VALUE = rf"(?!{NO_WORD}\b|\d{{1,2}}[ -](?:digit|char|letter|factor|day|time))"
"""What is said about a password rather than is one."""
MARKED = rf"{NO_VALUE}(?={CHAR}{{0,63}}?(?:\d|[@#$%^&*_+=~|\\]|[!?][\p{{L}}\d])){CHAR}{{4,128}}{END}"
"""A value with a digit or a sign in it: no word of a sentence."""
MIXED = r"(?=[^\s<\d]{0,40}\d)(?=[^\s<\p{L}]{0,40}\p{L})"
NUMBER = r"(?:\d{3}[ -]\d{3}|\d{3,8})(?![\p{L}\d]|[.,-]\d| \d{3}|[ -](?:digit|time|day|char|error))"
STOPS = r"(?=[.!]?[\"'`)]?\s{0,3}$|[,;]| (?:and|but|user|login)\b)"

SECRETS: tuple[tuple[str, float], ...] = (
    (rf"(?<![\w-])(?-i:{'|'.join(TOKENS)})(?![A-Za-z0-9])", 0.95),
    (KEY_BLOCK, 1.0),
    (rf"\b{PASSWORDS}{SAYS}{QUOTE}\K{MARKED}", 0.8),
    (rf"\b(?:pass|pw|psw){ASSIGNS}{QUOTE}\K{MARKED}", 0.8),
    (rf"\b{PASSWORDS} to {QUOTE}\K(?![+(\d]){MARKED}", 0.7),
    (rf"\b{PASSWORDS}{SAYS}[\"'`]\K(?!{NO_WORD}[\"'`])[^\"'`\n<>]{{3,64}}(?=[\"'`])", 0.8),
    (rf"\b{PASSWORDS}{ASSIGNS}\K{NO_VALUE}\p{{L}}{{4,64}}{STOPS}", 0.7),
    (rf"\b{PASSWORDS} (?-i:is|was) \K{NO_VALUE}(?-i:\p{{Lu}}\p{{Ll}}{{3,40}}){STOPS}", 0.6),
    (rf"\b{PASSWORDS} {QUOTE}\K(?:{MIXED}[\p{{L}}\d@#$%^&*_+=~!?-]{{6,64}}|\d{{5,12}}(?![\p{{L}}\d-])){END}", 0.7),
    (r"\b(?:seed|recovery|mnemonic|secret|pass)[ -]?phrase\b[ :=is]{1,5}\K(?:\p{L}{3,8} ){11,23}\p{L}{3,8}", 0.8),
    (rf"\b{CODES}(?:{SAYS}| ?# ?| (?:to |number )?){QUOTE}\K{NUMBER}", 0.7),
    (rf"\b{CODES}{SAYS}{QUOTE}\K{NO_VALUE}(?=[\p{{L}}-]{{0,12}}\d)[\p{{L}}\d-]{{4,24}}(?![\p{{L}}\d])", 0.7),
    (
        rf"(?<![^\s\"'`(])(?=[^\s<\d]{{0,40}}\d)[^\s<\"'`]{{3,64}}"
        rf"(?=[\"'`)]? (?:is|was|as) (?:my|our)(?: \w{{1,12}})? (?:{PASSWORDS}|{CODES})\b)",
        0.7,
    ),
    (
        rf"\b{KEYS}s?(?: (?:is|was|id|value))?(?:{ASSIGNS}| ){QUOTE}\K"
        r"(?=[\p{L}.~+/=_-]{0,64}\d)[\p{L}\d.~+/=_-]{8,2048}(?<!\.)",
        0.8,
    ),
    (r"\b(?:bearer|authorization ?[:=] ?(?:basic|token)) {1,2}\K[\w.~+/=-]{16,8192}(?<!\.)", 0.9),
)
"""Regex and score: the unmistakable first, then what its cue tells."""

PASSWORD_WORDS, PASSWORD_BEGINNINGS = ("pass", "pwd", "psw", "kennwort", "contrase"), ("pw",)
CODE_WORDS = ("pin", "otp", "cvv", "cvc", "code")
KEY_WORDS = ("key", "token", "secret")
BEARER_WORDS = ("bearer", "authorization")
BLOCK_BEGIN = "-----begin"
TOKEN_BEGINNINGS = (
    "AKIA", "ASIA", "AROA", "AIDA", "ABIA", "ACCA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-",
    "glptt-", "gldt-", "glrt-", "glcbt-", "glsoat-", "xox", "xapp-", "k_live_", "k_test_", "whsec_", "sk-", "AIza",
    "GOCSPX", "ya29.", "npm_", "pypi-", "hf_", "dckr_", "dop_v1", "doo_v1", "dor_v1", "dot_v1", "shpat_", "shpca_",
    "shppa_", "shpss_", "key-", "SK", "SG.", ":AA", "AGE-SECRET", "eyJ",
)  # fmt: skip
"""What each token holds, as it is written."""
SAID = CueWords((*PASSWORD_WORDS, "phrase", *CODE_WORDS, *KEY_WORDS, *BEARER_WORDS, BLOCK_BEGIN), PASSWORD_BEGINNINGS)


def has_token(text: str) -> bool:
    """Say whether something is written that a token holds."""
    return any(begin in text for begin in TOKEN_BEGINNINGS)


def has_secret_cue(text: str) -> bool:
    """Say whether a text holds what a secret begins with: words too, so that it need not have any written form."""
    return SAID.stand_in(text) or has_token(text)


PASSWORD_CUES, CODE_CUES = CueWords(PASSWORD_WORDS, PASSWORD_BEGINNINGS).stand_in, CueWords(CODE_WORDS).stand_in
SECRET_NEEDS: tuple[Callable[[str], bool], ...] = (
    has_token, CueWords((BLOCK_BEGIN,)).stand_in, *7 * (PASSWORD_CUES,), CueWords(("phrase",)).stand_in,
    *2 * (CODE_CUES,), CueWords((*PASSWORD_WORDS, *CODE_WORDS), PASSWORD_BEGINNINGS).stand_in,
    CueWords(KEY_WORDS).stand_in, CueWords(BEARER_WORDS).stand_in,
)  # fmt: skip
"""In the order of the patterns: what a text must hold for each."""
