"""What labelling some texts would take and give, from a sample of them: calls, tokens, time, money, coverage."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256

from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore, read_table
from pipelines.adapters.text_files import NamedText
from pipelines.contracts import TICKETS_SILVER
from pipelines.jobs.label_application import Labelled
from pipelines.kernels.statistics import clopper_pearson
from pipelines.labelling_settings import EndpointSettings
from pipelines.transforms.labelling import received_since, voter_texts
from pipelines.vocabulary import Tier, Verdict, Voter


@dataclass(frozen=True)
class Plan:
    """What to expect of a file.

    Attributes:
        texts: in the file.
        sampled: of these, labelled for this plan.
        asked: of the sampled ones, how many the language model itself voted on.
        calls: expected for the whole file; near-duplicates would save some of them.
        tokens_in, tokens_out: expected; None where nobody counts tokens.
        minutes: of the voters, on as many workers as there are cores, each with as many requests under way as an
            endpoint may get; redaction and tables come on top.
        money: expected, by the endpoint's prices; 0 without an endpoint, None where it does not count tokens.
        coverage: share of the sample that would reach gold, and its 95 % interval.
    """

    texts: int
    sampled: int
    asked: int
    calls: int
    tokens_in: int | None
    tokens_out: int | None
    minutes: float
    money: float | None
    coverage: tuple[float, float, float]

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True)
class Sample:
    """Some of many texts.

    Attributes:
        total: how many there are.
    """

    texts: list[NamedText]
    total: int


def sample_file(texts: Sequence[NamedText], most: int) -> Sample:
    """Take some texts of a file."""
    return Sample(choose_sample(texts, most), len(texts))


def sample_since(spark: SparkSession, store: TableStore, day: date, most: int) -> Sample:
    """Take some records that were received from a day on, as voters see them: the first by their id, a hash."""
    records = read_table(spark, store, TICKETS_SILVER).transform(received_since, day).transform(voter_texts)
    rows = records.select("record_id", "voter_text").orderBy("record_id").limit(most).collect()
    return Sample([NamedText(row["record_id"], row["voter_text"]) for row in rows], records.count())


def choose_sample(texts: Sequence[NamedText], most: int) -> list[NamedText]:
    """Take some texts, chosen by hash and in the file's order: the same file gives the same sample."""
    ranked = sorted(texts, key=lambda one: sha256(f"{one.id}\n{one.text}".encode()).hexdigest())
    chosen = {id(one) for one in ranked[:most]}
    return [one for one in texts if id(one) in chosen]


def expect(labelled: Sequence[Labelled], texts: int, workers: int, endpoint: EndpointSettings) -> Plan:
    """Scale what a sample took and gave to the whole file.

    Args:
        labelled: the sample, at least one.
        texts: in the whole file.
        workers: that label at a time.
        endpoint: whose prices count, where one is asked.
    """
    scale = texts / len(labelled)
    votes = [vote for one in labelled for vote in one.votes]
    calls = [vote for vote in votes if vote["voter"] == Voter.SLM.value and vote["tier"] == Tier.MODEL.value]
    tokens_in, tokens_out = (scaled(calls, name, scale) for name in ("tokens_in", "tokens_out"))
    accepted = sum(one.verdict == Verdict.ACCEPTED.value for one in labelled)
    return Plan(
        texts=texts,
        sampled=len(labelled),
        asked=len(calls),
        calls=round(len(calls) * scale),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        minutes=sum(milliseconds(vote, endpoint) for vote in votes) * scale / workers / 60_000,
        money=price(tokens_in, tokens_out, endpoint),
        coverage=(accepted / len(labelled), *clopper_pearson(accepted, len(labelled))),
    )


def milliseconds(vote: dict[str, object], endpoint: EndpointSettings) -> float:
    """Give the time of a worker that a vote took: of a served model's, other requests were under way meanwhile."""
    at_once = endpoint.concurrency if endpoint.url and vote["voter"] == Voter.SLM.value else 1
    return float(str(vote["latency_ms"])) / at_once


def price(tokens_in: int | None, tokens_out: int | None, endpoint: EndpointSettings) -> float | None:
    """Price the tokens of an endpoint; None when nobody counted them."""
    if not endpoint.url:
        return 0.0
    return None if tokens_in is None or tokens_out is None else endpoint.cost(tokens_in, tokens_out)


def scaled(calls: Sequence[dict[str, object]], name: str, scale: float) -> int | None:
    """Scale a sum of tokens; None when one call did not count them."""
    counted = [call[name] for call in calls]
    return None if None in counted else round(sum(int(str(number)) for number in counted) * scale)


def asked_text(labelled: Sequence[Labelled]) -> str | None:
    """Give a redacted text that the language model was asked about; else any that was shown to voters."""
    asked = (one.text for one in labelled if any(vote["voter"] == Voter.SLM.value for vote in one.votes))
    return next(asked, None) or next((one.text for one in labelled if one.votes), None)
