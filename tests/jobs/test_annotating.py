"""People's votes from a file to gold, on real tables: taken once, told line by line, counted by their rules."""

from collections.abc import Callable
from pathlib import Path

from pipelines.adapters.row_files import open_row_file
from pipelines.intents import LabelSet
from pipelines.jobs.annotating import Imported, import_votes, judge_row
from pipelines.transforms.annotation import Refusal
from pipelines.vocabulary import Reason
from tests.jobs.conftest import LABELS, Lake, ticket

MakeLake = Callable[..., Lake]
TICKETS = [
    ticket(1, "card gone since yesterday, please help me with it"),
    ticket(2, "maybe a refund, maybe not, who can say that today"),
    ticket(3, "refund for the toaster that never worked, please"),
    ticket(4, "login " + "x" * 600),
]
HEADER = "record_id,text,label,annotator_id,time,confidence\n"


def take(lake: Lake, path: Path, labels: LabelSet = LABELS) -> Imported:
    judged = [judge_row(row, labels, None) for row in open_row_file(path).rows()]
    return import_votes(lake.spark, lake.store, str(lake.root / "landing"), judged)


def ids(lake: Lake) -> dict[str, str]:
    rows = lake.rows("silver.tickets", "record_id", "text")
    return {str(text).split()[0] if text else "long": str(record_id) for record_id, text in rows}


def test_votes_count_once_and_a_majority_of_people_overrides_the_models(make_lake: MakeLake, tmp_path: Path) -> None:
    lake = make_lake()
    lake.send(*TICKETS)
    lake.run()
    named = ids(lake)
    file = tmp_path / "answers.csv"
    rows = [
        f"{named['card']},,refund,ann,2026-01-06T10:00:00Z,",
        f"{named['card']},,refund,bob,2026-01-06T10:00:00Z,",
        f"{named['card']},,login,cleo,2026-01-06T10:00:00Z,0.9",
        f"{named['maybe']},,login,ann,2026-01-06T12:00:00Z,",
        f"{named['maybe']},,refund,ann,2026-01-06T11:00:00Z,",
        f"{named['refund']},,refund,ann,,",
        f"{named['refund']},,login,bob,,",
        ",a text that nobody sent,card_lost,ann,,",
        f"{'0' * 64},,refund,ann,,",
        f"{named['long']},,login,ann,,",
        f"{named['card']},,gardening,dan,,",
        f"{named['card']},,,dan,,",
    ]
    file.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    done = take(lake, file)
    assert (done.votes, done.repeated, done.unfilled) == (8, 0, 1)
    assert done.refused == [
        Refusal(10, Reason.RECORD_UNKNOWN, "record_id"),
        Refusal(11, Reason.TEXT_TOO_LONG, "record_id"),
        Refusal(12, Reason.LABEL_UNKNOWN, "label"),
    ]
    again = take(lake, file)
    assert (again.votes, again.repeated, again.file) == (0, 8, "")
    lake.run()
    once_more = take(lake, file)
    assert (once_more.votes, once_more.repeated, once_more.file) == (0, 8, "")
    lake.run()
    assert len(lake.rows("bronze.label_files", "path")) == 8
    assert len([voter for (voter,) in lake.rows("silver.labels", "voter") if voter == "human"]) == 8
    lake.count().check(drained=True)
    gold = dict(lake.rows("gold.training_examples", "record_id", "label"))
    # Two of three say refund, whatever the model was sure of; the newest answer of one annotator counts against none.
    assert gold[named["card"]] == "refund"
    assert "card_lost" in gold.values()
    held = {row[0]: row[1:] for row in lake.rows("quarantine.tickets", "record_id", "reason", "labels")}
    assert held[named["refund"]] == ("people_disagree", ["login", "refund"])
    assert (named["refund"], "third_person") in lake.rows("gold.review_queue", "record_id", "task")
    # The model says refund at .5, which does not stand; the newest of one annotator's two votes does.
    assert gold[named["maybe"]] == "login"
