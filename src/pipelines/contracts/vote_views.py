"""Daily answers from the votes: who agrees with whom, what labels cost, what annotators do."""

from pipelines.declaration import declare_view

VOTES = declare_view(
    "silver.votes",
    "Every vote with its voter's versions in one word, and its days",
    """
SELECT vote_id, record_id, text_key, coalesce(text_hash, text_key) AS text, voter,
  concat_ws('=', voter, concat_ws('/', concat_ws('@', model_name, model_version),
    if(prompt_name IS NULL, NULL, concat_ws('@', prompt_name, prompt_version)))) AS version,
  annotator_id, label, confidence, failure, tier, device, tokens_in, tokens_out, latency_ms, position, voted_at,
  coalesce(annotated_at, voted_at) AS given_at,
  date_from_unix_date(CAST(unix_seconds(voted_at) DIV 86400 AS INT)) AS voted_day,
  date_from_unix_date(CAST(unix_seconds(coalesce(annotated_at, voted_at)) DIV 86400 AS INT)) AS given_day
FROM silver.labels""",
    vote_id="SHA-256 (hex) of record, voter, annotation and versions",
    record_id="Record it was cast on",
    text_key="HMAC-SHA-256 of the normalised unredacted text: a vote counts for all records with this text",
    text="What tells texts apart that voters read: the hash of the redacted text, else text_key",
    voter="memory, student, slm or human",
    version="Its versions: voter=model@version/prompt@version",
    annotator_id="Pseudonym of the person; null for models",
    label="Label voted for",
    confidence="Voter's probability that the label is right, 0 to 1",
    failure="Why the voter has said nothing of the text; null for every other vote",
    tier="Who made it: model (the voter itself), cache (same text), cluster (a look-alike), person",
    device="Where the model ran: cpu, cpu-bf16, cuda or endpoint",
    tokens_in="Tokens a language model read for it; null where nobody counted",
    tokens_out="Tokens a language model wrote for it; null where nobody counted",
    latency_ms="Time this vote took on its worker, milliseconds; 0 when it was taken over",
    position="A person's row in bronze order; null for models",
    voted_at="When the micro-batch ran",
    given_at="When a person labelled, where the file says; else voted_at",
    voted_day="Day (UTC) of voted_at",
    given_day="Day (UTC) of given_at",
)

VOTER_AGREEMENT = declare_view(
    "gold.voter_agreement",
    "What two voters said of the same texts: sum `texts` where `agrees`, or pivot it into a confusion matrix",
    """
WITH people AS (
  SELECT text_key, max_by(label, struct(given_at, voted_at, position, vote_id)) AS label
  FROM silver.votes
  WHERE voter = 'human' AND label IS NOT NULL
  GROUP BY text_key, coalesce(annotator_id, vote_id)
), said AS (
  SELECT text_key, voter, version, max_by(label, struct(voted_at, vote_id)) AS label
  FROM silver.votes
  WHERE voter <> 'human' AND label IS NOT NULL
  GROUP BY text_key, voter, version
  UNION ALL
  SELECT text_key, 'human', 'human', label
  FROM (
    SELECT text_key, label, count(*) AS gave, sum(count(*)) OVER (PARTITION BY text_key) AS asked
    FROM people
    GROUP BY text_key, label
  )
  WHERE gave * 2 > asked
)
SELECT one.voter, one.version, one.label, other.voter AS other_voter, other.version AS other_version,
  other.label AS other_label, one.label = other.label AS agrees, count(*) AS texts
FROM said AS one
JOIN said AS other ON one.text_key = other.text_key AND one.version <> other.version
GROUP BY ALL""",
    voter="memory, student, slm or human",
    version="Its versions: voter=model@version/prompt@version; human for what more than half of the people said",
    label="Label it said last of the text",
    other_voter="The voter it is held against",
    other_version="That one's versions",
    other_label="Label that one said last of the same text",
    agrees="Whether the two labels are the same",
    texts="On how many texts the two said so; every pair stands in both directions",
)

COST_PER_LABEL = declare_view(
    "gold.cost_per_label",
    "What votes cost by day, voter, versions, and how they were made; a text's cost counts once a micro-batch",
    """
SELECT day, voter, version, tier, device, sum(votes) AS votes, count(DISTINCT text) AS texts,
  sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, round(sum(latency_ms) / 1000, 3) AS seconds,
  sum(latency_ms) / 1000 / sum(votes) AS seconds_per_label
FROM (
  -- Votes of one micro-batch are cast at one time, and on one text by one call.
  SELECT voted_day AS day, voter, version, tier, device, voted_at, text, count(*) AS votes,
    max(tokens_in) AS tokens_in, max(tokens_out) AS tokens_out, max(latency_ms) AS latency_ms
  FROM silver.votes
  GROUP BY voted_day, voter, version, tier, device, voted_at, text
)
GROUP BY day, voter, version, tier, device""",
    day="Day (UTC) on which the votes were cast",
    voter="memory, student, slm or human",
    version="Its versions: voter=model@version/prompt@version",
    tier="Who made them: model (the voter itself), cache (same text), cluster (a look-alike), person",
    device="Where the model ran: cpu, cpu-bf16, cuda or endpoint; null for people",
    votes="Votes, one for each record",
    texts="Different texts",
    tokens_in="Tokens a language model read; null where nobody counted",
    tokens_out="Tokens a language model wrote; null where nobody counted",
    seconds="Time of a core or a device, seconds; null for people",
    seconds_per_label="seconds / votes",
)

ANNOTATOR_LOAD = declare_view(
    "gold.annotator_load",
    "What each annotator did on a day",
    """
SELECT given_day AS day, annotator_id, count(*) AS votes, count(DISTINCT text_key) AS texts,
  count(DISTINCT label) AS labels, min(given_at) AS first_at, max(given_at) AS last_at
FROM silver.votes
WHERE voter = 'human'
GROUP BY given_day, annotator_id""",
    day="Day (UTC) on which the annotator labelled; that of arrival where the file does not say",
    annotator_id="HMAC-SHA-256 pseudonym of the annotator; null for votes without a name",
    votes="Votes",
    texts="Different texts",
    labels="Different labels",
    first_at="First vote of the day",
    last_at="Last vote of the day",
)
