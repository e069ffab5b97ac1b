"""Daily answers from the log of verdicts: what was accepted, what was not and why, what waits, what is promised."""

from pipelines.declaration import declare_view

CURRENT_DECISIONS = declare_view(
    "gold.current_decisions",
    "Each decided record once, with its newest verdict",
    """
SELECT record_id, newest.*,
  date_from_unix_date(CAST(unix_seconds(newest.decided_at) DIV 86400 AS INT)) AS day
FROM (
  SELECT record_id, max_by(struct(text_key, decision_no, verdict, reason, place, label, confidence, labels, versions,
    gate_version, decided_at), decision_no) AS newest
  FROM gold.decisions
  GROUP BY record_id
)""",
    record_id="SHA-256 (hex) that names the record",
    text_key="HMAC-SHA-256 of the normalised unredacted text: equal texts, equal keys",
    decision_no="How many times the record was decided",
    verdict="accepted, or why not",
    reason="Finer reason code; null when accepted",
    place="gold, quarantine, shed or discarded",
    label="Agreed label, or the best guess when there is none",
    confidence="Probability that the label is right, 0 to 1; null without a vote",
    labels="Labels of the standing votes, sorted",
    versions="Voter versions, sorted: voter=model@version/prompt@version",
    gate_version="Fingerprint of the gate's settings",
    decided_at="When the micro-batch ran",
    day="Day (UTC) of the newest verdict",
)

ACCEPTED_BY_DAY = declare_view(
    "gold.accepted_by_day",
    "How much of what was decided on a day is in gold",
    """
SELECT day, count(*) AS decided, count_if(place = 'gold') AS accepted,
  count_if(place = 'gold') / count(*) AS accepted_share,
  avg(confidence) FILTER (WHERE place = 'gold') AS mean_confidence
FROM gold.current_decisions
GROUP BY day""",
    day="Day (UTC) of the newest verdict",
    decided="Records whose newest verdict is of that day",
    accepted="Of these, records in gold",
    accepted_share="accepted / decided, 0 to 1",
    mean_confidence="Mean confidence of those in gold, 0 to 1: once calibrated, the share of right labels to expect",
)

QUARANTINE_BY_REASON = declare_view(
    "gold.quarantine_by_reason",
    "Why records are in quarantine, by day",
    """
SELECT day, verdict, coalesce(reason, verdict) AS reason, count(*) AS records, avg(confidence) AS mean_confidence
FROM gold.current_decisions
WHERE place = 'quarantine'
GROUP BY ALL""",
    day="Day (UTC) of the newest verdict",
    verdict="Why the records are not in gold",
    reason="Finer reason code",
    records="How many are in quarantine for it",
    mean_confidence="Mean confidence of their best guess, 0 to 1; null without any",
)

LABEL_VOLUME = declare_view(
    "gold.label_volume",
    "How many records each label has, by day, and how many of them reached gold",
    """
SELECT day, label, count(*) AS records, count_if(place = 'gold') AS accepted,
  avg(confidence) AS mean_confidence
FROM gold.current_decisions
WHERE label IS NOT NULL
GROUP BY day, label""",
    day="Day (UTC) of the newest verdict",
    label="Agreed label, or the best guess when there is none",
    records="Records with it, wherever they are",
    accepted="Of these, records in gold",
    mean_confidence="Mean confidence of all of them, 0 to 1",
)

CERTIFICATE_IN_FORCE = declare_view(
    "gold.certificate_in_force",
    "What is promised of gold now: the newest certificate; no row before there is one",
    """
SELECT certificate_id, status, issued_at, target_error, confidence_level, threshold, error_bound, coverage, audited,
  try_element_at(filter(thresholds, tried -> tried.threshold = threshold), 1).precision AS precision,
  alarm, suspect_since, thresholds, labels
FROM gold.certificates
ORDER BY issued_at DESC, certificate_id
LIMIT 1""",
    certificate_id="Fingerprint of everything it says",
    status="certified, not_certified, or suspended",
    issued_at="When it was issued",
    target_error="Share of wrong labels that is promised not to be passed",
    confidence_level="How sure the promise is, 0 to 1",
    threshold="Least confidence that it holds for; null when nothing was certified",
    error_bound="Greatest upper bound of the share of wrong labels on the way down to it",
    coverage="Share of all judged records that reach it",
    audited="Records that people checked, of all thresholds",
    precision="Share of right labels among those that people checked from the threshold on; null without any",
    alarm="Why it was suspended; null while it holds",
    suspect_since="Gold decided from then on is suspect; null while it holds",
    thresholds="What audits found from each confidence on: see gold.certificates",
    labels="What audits found of each label: see gold.certificates",
)

BACKLOG = declare_view(
    "gold.backlog",
    "What waits, and since which day: records for votes, tasks for people",
    """
SELECT 'people' AS waits_for, tasks.task, decided.day AS since, count(*) AS records
FROM gold.review_queue AS tasks
JOIN gold.current_decisions AS decided
  ON tasks.record_id = decided.record_id AND tasks.decision_no = decided.decision_no
-- The gate asks for an audit again whenever it decides: one that was answered waits for nobody.
LEFT ANTI JOIN (SELECT text_key FROM silver.labels WHERE voter = 'human') AS answered
  ON tasks.task = 'audit_sample' AND decided.text_key = answered.text_key
GROUP BY ALL
UNION ALL
SELECT 'votes', NULL, tickets.received_day, count(*)
FROM silver.tickets AS tickets
LEFT ANTI JOIN gold.decisions AS decided ON tickets.record_id = decided.record_id
GROUP BY ALL""",
    waits_for="people, or votes: nothing was decided yet",
    task="Reason a person is asked: a reason code, or audit_sample; null for votes",
    since="Day (UTC) of the verdict that asks, or on which the ticket came",
    records="How many",
)
