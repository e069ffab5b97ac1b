"""Daily answers about records: the way of each, the clusters they are in, what was redacted in them."""

from pipelines.declaration import declare_view

LINEAGE = declare_view(
    "gold.lineage",
    "The way of each record, a row for each step: its arrival, the votes on its text, the verdicts on it",
    """
SELECT record_id, ingested_at AS at, 'received' AS step, concat('kafka:', topic, '/', partition, '/', offset) AS who,
  NULL AS label, NULL AS confidence, NULL AS place, NULL AS reason
FROM bronze.tickets
WHERE error_code IS NULL
UNION ALL
SELECT tickets.record_id, votes.given_at, 'voted', votes.version, votes.label,
  votes.confidence, NULL, votes.failure
FROM silver.tickets AS tickets
JOIN silver.votes AS votes ON tickets.text_key = votes.text_key
UNION ALL
SELECT record_id, decided_at, 'decided', concat('gate=', gate_version), label, confidence, place,
  coalesce(reason, verdict)
FROM gold.decisions""",
    record_id="SHA-256 (hex) that names the record",
    at="When the step was taken; of a person's vote when it was given, where the file says",
    step="received (each delivery by Kafka), voted (on its text, whatever copy of it), or decided",
    who="kafka:TOPIC/PARTITION/OFFSET; voter=model@version/prompt@version; gate=FINGERPRINT of its settings",
    label="Label voted for, or decided on",
    confidence="Probability of the label, 0 to 1",
    place="Where the verdict put it: gold, quarantine, shed or discarded",
    reason="Why the voter said nothing; of a verdict its reason code, or accepted",
)

CURRENT_CLUSTERS = declare_view(
    "silver.current_clusters",
    "Which cluster each record is in today: its own, or what that has become part of",
    """
SELECT tickets.record_id, coalesce(merged.cluster_id, tickets.cluster_id) AS cluster_id
FROM silver.tickets AS tickets
LEFT JOIN (
  SELECT absorbed_id, min_by(cluster_id, cluster_no) AS cluster_id FROM silver.cluster_merges GROUP BY absorbed_id
) AS merged ON tickets.cluster_id = merged.absorbed_id
WHERE tickets.cluster_id IS NOT NULL""",
    record_id="SHA-256 (hex) that names the record",
    cluster_id="record_id of the cluster's first member",
)

CLUSTERS = declare_view(
    "gold.clusters",
    "The near-duplicate clusters of today: how big, how labelled, and what one of their tickets says",
    """
SELECT clusters.cluster_id, count(*) AS records,
  count_if(decided.place = 'gold') AS accepted, count_if(decided.place = 'quarantine') AS quarantined,
  sort_array(collect_set(decided.label)) AS labels, min_by(tickets.text, tickets.arrival_no) AS example,
  min(tickets.received_day) AS first_day, max(tickets.received_day) AS last_day
FROM silver.tickets AS tickets
JOIN silver.current_clusters AS clusters ON tickets.record_id = clusters.record_id
LEFT JOIN gold.current_decisions AS decided ON tickets.record_id = decided.record_id
GROUP BY ALL""",
    cluster_id="record_id of the cluster's first member",
    records="Records in it, exact copies under the day's limit included",
    accepted="Of these, records in gold",
    quarantined="Of these, records in quarantine",
    labels="Labels or best guesses of its records, sorted: more than one is worth a look",
    example="Redacted text of the member that came first",
    first_day="Day (UTC) on which its first record came",
    last_day="Day (UTC) on which its last record came",
)

PII_BY_TYPE = declare_view(
    "gold.pii_by_type",
    "How many personal values were redacted, by day, channel and type; never the values",
    """
SELECT received_day AS day, source, span.type AS type, count(*) AS found, count(DISTINCT record_id) AS records
FROM (SELECT received_day, source, record_id, explode(spans) AS span FROM silver.tickets)
GROUP BY ALL""",
    day="Day (UTC) on which the tickets came",
    source="Channel or system they came from",
    type="Entity type, e.g. PERSON",
    found="Values that were redacted",
    records="Records that held one",
)
