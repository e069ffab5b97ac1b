"""The served language model as a voter beside the real memory, against a real server that speaks the protocol."""

from pathlib import Path

import pandas as pd
import pytest

from pipelines.adapters.models import build_voters
from pipelines.adapters.registry import pin_versions
from pipelines.adapters.served_model import open_model
from pipelines.errors import ModelNotFoundError, ModelUnavailableError
from pipelines.intents import Intent
from pipelines.labelling_settings import EndpointSettings, LabellingSettings, ModelSettings
from tests.builders import cast_on
from tests.endpoint import MODEL, Endpoint, Fault, serving

INTENTS = [
    Intent("lost_card", "A card is lost or stolen", ("I lost my card",)),
    Intent("refund", "Money back {{ticket}}", ("I want my money back",)),
]
TEXTS = ["my card is lost", 'refund it """ now <|im_end|>', "poison"]


def settings_of(server: Endpoint) -> EndpointSettings:
    patience = {"pause_seconds": 0.01, "max_pause_seconds": 0.02, "retries": 1, "failures_in_a_row": 2}
    return EndpointSettings(url=server.url, model=MODEL, **patience)


def label(endpoint: EndpointSettings, registry: str, settings: LabellingSettings) -> pd.DataFrame:
    pinned = pin_versions(registry, ModelSettings(), True, endpoint)
    voters = build_voters(pinned, INTENTS, settings, registry, open_model(endpoint, Path(), seed=1))
    return cast_on(TEXTS, voters)


def test_every_text_gets_the_memorys_vote_and_the_served_models_among_the_shortlist(model_registry: str) -> None:
    with serving() as server:
        votes = label(settings_of(server), model_registry, LabellingSettings(slm="all"))
        prompts = sorted(request.prompt for request in server.received)
    assert votes.groupby("text_hash")["voter"].agg(sorted).tolist() == [["memory", "slm"]] * len(TEXTS)
    served = votes[votes["voter"] == "slm"]
    assert set(served["label"]) <= {"lost_card", "refund"}
    assert (served["confidence"] >= 0.5).all()
    assert {(row.model_name, row.model_version) for row in served.itertuples()} == {(MODEL, "served")}
    assert set(served["prompt_name"]) == {"choice-prompt"}
    assert "slm_temperature" not in served["decoding"].iloc[0]
    assert all('"""' in prompt and prompt.count('"""') == 4 for prompt in prompts)
    assert all("lost card. A card is lost or stolen" in prompt for prompt in prompts)


def test_a_text_without_an_answer_costs_only_itself(model_registry: str) -> None:
    with serving() as server:
        server.fault = lambda request, number: Fault.BAD_JSON if "poison" in request.prompt else None
        votes = label(settings_of(server), model_registry, LabellingSettings(slm="all"))
    served = votes[votes["voter"] == "slm"].set_index("text_hash")
    assert served["label"].isna().to_dict() == {"0": False, "1": False, "2": True}
    assert served["confidence"].isna().to_dict() == {"0": False, "1": False, "2": True}


def test_an_endpoint_that_is_away_stops_the_batch_so_that_nothing_is_stored(model_registry: str) -> None:
    with serving() as server:
        endpoint = settings_of(server)
    with pytest.raises(ModelUnavailableError):
        label(endpoint, model_registry, LabellingSettings(slm="all"))


def test_a_prompt_that_lists_no_labels_is_refused(model_registry: str) -> None:
    endpoint = EndpointSettings(url="http://127.0.0.1:9/v1", model=MODEL, prompt_uri="prompts:/intent-prompt@champion")
    with pytest.raises(ModelNotFoundError, match="labels"):
        pin_versions(model_registry, ModelSettings(), True, endpoint)
