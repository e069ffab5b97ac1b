"""What notebooks compare: days, raters and people with each other, and the votes inside a cluster."""

from pipelines.declaration import declare_view

RECORDS_BY_DAY = declare_view(
    "gold.records_by_day",
    "How many records came on a day, by channel, by the place where they are now and by their label",
    """
SELECT tickets.received_day AS day, tickets.source, coalesce(decided.place, 'pending') AS place, decided.label,
  count(*) AS records
FROM silver.tickets AS tickets
LEFT JOIN gold.current_decisions AS decided ON tickets.record_id = decided.record_id
GROUP BY ALL""",
    day="Day (UTC) on which the tickets came",
    source="Channel or system they came from",
    place="gold, quarantine, shed, discarded, or pending: not decided yet",
    label="Agreed label, or the best guess when there is none; null while nobody has voted",
    records="How many",
)

CURRENT_AGREEMENT = declare_view(
    "gold.current_agreement",
    "How far raters agree: the newest figures of everything that gold.agreement measures",
    """
SELECT compared, voter, rater, label, day, newest.*
FROM (
  SELECT compared, voter, rater, label, day, max_by(
    struct(votes, items, observed_agreement, cohen_kappa, kappa_low, kappa_high, fleiss_kappa, krippendorff_alpha,
      measured_at), batch_id) AS newest
  FROM gold.agreement
  GROUP BY compared, voter, rater, label, day
)
WHERE newest.votes > 0 OR newest.items > 0""",
    compared="model_and_people, annotator_and_others, or people (all of them with each other)",
    voter="memory, student, slm or human",
    rater="A model's versions, or an annotator's pseudonym; null for people who are not named",
    label="Label that is told from all others; null: all labels",
    day="Day (UTC); null: all days",
    votes="Votes that were given, compared or not",
    items="Texts that the figures rest on",
    observed_agreement="Share of them (of people: of pairs of votes) that agree; null without any",
    cohen_kappa="The same beyond chance, of a rater and people's majority; null where undefined",
    kappa_low="Lower end of its 95 % interval",
    kappa_high="Upper end of it",
    fleiss_kappa="Agreement of people with each other beyond chance; null where undefined",
    krippendorff_alpha="The same with a correction for few votes; null where undefined",
    measured_at="When it was measured",
)

ANNOTATOR_PAIRS = declare_view(
    "gold.annotator_pairs",
    "How often two named people who labelled the same texts gave different labels",
    """
WITH said AS (
  SELECT text_key, annotator_id, max_by(label, struct(given_at, voted_at, position, vote_id)) AS label
  FROM silver.votes
  WHERE voter = 'human' AND label IS NOT NULL
  GROUP BY text_key, annotator_id
)
-- People without a name are nobody's other: null differs from nothing.
SELECT one.annotator_id, other.annotator_id AS other_annotator_id, count(*) AS texts,
  count_if(one.label <> other.label) AS differing
FROM said AS one
JOIN said AS other ON one.text_key = other.text_key AND one.annotator_id <> other.annotator_id
GROUP BY ALL""",
    annotator_id="HMAC-SHA-256 pseudonym of the one",
    other_annotator_id="Pseudonym of the other; every pair stands in both directions",
    texts="Texts that both labelled; the newest label of each counts",
    differing="Of these, texts that they gave different labels",
)

COMPARED_VERSIONS = declare_view(
    "gold.compared_versions",
    "Pairs of versions of one model voter that read the same texts, and on how many of these the label changed",
    """
WITH began AS (
  SELECT version, min(voted_at) AS began_at FROM silver.votes WHERE voter <> 'human' GROUP BY version
)
SELECT pairs.voter, pairs.version AS before, pairs.other_version AS after, sum(pairs.texts) AS texts,
  sum(if(pairs.agrees, 0, pairs.texts)) AS flips, later.began_at
FROM gold.voter_agreement AS pairs
JOIN began AS earlier ON pairs.version = earlier.version
JOIN began AS later ON pairs.other_version = later.version
WHERE pairs.voter = pairs.other_voter AND (
  earlier.began_at < later.began_at OR (earlier.began_at = later.began_at AND earlier.version < later.version))
GROUP BY ALL""",
    voter="memory, student or slm",
    before="The version that voted first: voter=model@version/prompt@version",
    after="The version that came later",
    texts="Texts that both labelled",
    flips="Of these, texts that they gave different labels",
    began_at="When the later one first voted",
)

CONTESTED_CLUSTERS = declare_view(
    "gold.contested_clusters",
    "The clusters of today whose votes are not all for one label: near-duplicates, of which several labels were given",
    """
WITH said AS (
  SELECT text_key, voter, coalesce(annotator_id, version) AS rater,
    max_by(struct(record_id, label), struct(given_at, voted_at, position, vote_id)) AS newest
  FROM silver.votes
  WHERE label IS NOT NULL AND (voter <> 'human' OR annotator_id IS NOT NULL)
  GROUP BY ALL
), given AS (
  SELECT clusters.cluster_id, said.newest.label, count(*) AS n
  FROM said
  JOIN silver.current_clusters AS clusters ON said.newest.record_id = clusters.record_id
  GROUP BY ALL
), summed AS (
  SELECT cluster_id, sum(n) AS votes, sum(n) - max(n) AS differing,
    transform(sort_array(collect_list(struct(-n AS less, label))), one -> one.label) AS labels
  FROM given
  GROUP BY cluster_id
)
SELECT summed.cluster_id, clusters.records, summed.votes, summed.differing, summed.differing / summed.votes AS share,
  summed.labels, clusters.example
FROM summed
JOIN gold.clusters AS clusters ON summed.cluster_id = clusters.cluster_id
WHERE summed.differing > 0""",
    cluster_id="record_id of the cluster's first member",
    records="Records in it",
    votes="Votes on its texts: of each version, and of each named person, the newest on a text",
    differing="Of these, votes that are not for its commonest label",
    share="differing / votes, 0 to 1",
    labels="Labels that were given, the commonest first",
    example="Redacted text of the member that came first",
)
