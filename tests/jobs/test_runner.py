"""Streams side by side, with queries that stand in for Spark's: who begins again, and what ends all."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from types import SimpleNamespace

import pytest

from pipelines.adapters.streams import StreamPlan
from pipelines.errors import PipelineError
from pipelines.jobs import runner
from pipelines.jobs.flow import Flow
from pipelines.labelling_settings import LabellingSettings
from pipelines.settings import Settings

AWAY = "pipelines.errors.ModelUnavailableError: The served model is away. Its tickets wait; the next run asks again."
Why = Callable[[], str | None]


@dataclass
class Query:
    """Stands in for a query of Spark's: it has failed as long as somebody says why."""

    name: str
    why: Why
    plan: StreamPlan
    ended: bool = False

    def __post_init__(self) -> None:
        self.recentProgress, self.isActive = [], False

    def exception(self) -> str | None:
        return self.why()

    def stop(self) -> None:
        self.ended = True


def run(
    monkeypatch: pytest.MonkeyPatch, why: Why, keep_on: Callable[[list[Query]], bool]
) -> tuple[list[Query], list[str]]:
    """Run silver, which is well, and labels, which are not; gives all queries that were begun, and what was said."""
    begun, said = list[Query](), list[str]()

    def beginning(name: str, why: Why) -> Callable[[Flow], Query]:
        return lambda flow: begun.append(Query(name, why, flow.plan)) or begun[-1]

    settings = Settings(labelling=LabellingSettings(retry_seconds=1))
    known = {"plan": StreamPlan("", "", new_epoch=True), "settings": settings}
    flow = Flow(**{field.name: known.get(field.name) for field in fields(Flow)})
    streams = {"silver": (beginning("silver", lambda: None),), "labels": (beginning("labels", why),)}
    monkeypatch.setattr(runner, "STREAMS", streams)
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.01)
    runner.run_continuously(flow, ["silver", "labels"], lambda *progress: None, lambda: keep_on(begun), said.append)
    return begun, said


def test_a_query_whose_model_is_away_begins_again_after_a_pause_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = SimpleNamespace(away=True, turns=0)

    def keep_on(begun: list[Query]) -> bool:
        model.turns += 1
        model.away = len(begun) < 3
        return len(begun) < 3 and model.turns < 3_000

    begun, said = run(monkeypatch, lambda: AWAY if model.away else None, keep_on)
    assert [query.name for query in begun] == ["silver", "labels", "labels"]
    assert [query.plan.new_epoch for query in begun] == [True, True, False], "it goes on in the epoch that it began"
    assert all(query.plan.continuous for query in begun)
    assert said == [AWAY.partition(": ")[2]], "once for each end, not at every look"
    assert model.turns > 20, "not at once"
    assert [query.ended for query in begun] == [True, False, True]


def test_any_other_failure_ends_all_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PipelineError, match="Stage labels stopped with ValueError"):
        run(monkeypatch, lambda: "java.lang.ValueError: something", lambda begun: True)
