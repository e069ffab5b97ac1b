"""Every table that flows, and every view on them: the one place where a column is declared.

Read it as the picture of the flow: bronze (what came), silver (what is safe to read, and the votes), gold (decisions
and the places a record can be in, and what is measured of votes).
"""

from pipelines.contracts.bronze import COMMANDS, LABEL_FILES, LANDED_FILES, TICKETS_BRONZE
from pipelines.contracts.comparison_views import (
    ANNOTATOR_PAIRS,
    COMPARED_VERSIONS,
    CONTESTED_CLUSTERS,
    CURRENT_AGREEMENT,
    RECORDS_BY_DAY,
)
from pipelines.contracts.decision_views import (
    ACCEPTED_BY_DAY,
    BACKLOG,
    CERTIFICATE_IN_FORCE,
    CURRENT_DECISIONS,
    LABEL_VOLUME,
    QUARANTINE_BY_REASON,
)
from pipelines.contracts.gold import CERTIFICATES, DECISIONS, QUARANTINE, REVIEW_QUEUE, SHED, TRAINING_EXAMPLES
from pipelines.contracts.measures import AGREEMENT, AGREEMENT_COUNTS, ANNOTATOR_QUALITY
from pipelines.contracts.record_views import CLUSTERS, CURRENT_CLUSTERS, LINEAGE, PII_BY_TYPE
from pipelines.contracts.silver import ANNOTATIONS, CLUSTER_MERGES, EMBEDDINGS, LABELS, TEXT_FEATURES, TICKETS_SILVER
from pipelines.contracts.vote_views import ANNOTATOR_LOAD, COST_PER_LABEL, VOTER_AGREEMENT, VOTES
from pipelines.declaration import Table, View
from pipelines.vocabulary import Place

CONTRACT_VERSION = 1

TABLES: tuple[Table, ...] = (
    TICKETS_BRONZE,
    LANDED_FILES,
    LABEL_FILES,
    COMMANDS,
    TICKETS_SILVER,
    CLUSTER_MERGES,
    ANNOTATIONS,
    TEXT_FEATURES,
    EMBEDDINGS,
    LABELS,
    DECISIONS,
    TRAINING_EXAMPLES,
    QUARANTINE,
    SHED,
    REVIEW_QUEUE,
    CERTIFICATES,
    AGREEMENT_COUNTS,
    AGREEMENT,
    ANNOTATOR_QUALITY,
)
VIEWS: tuple[View, ...] = (
    CURRENT_DECISIONS,
    VOTES,
    ACCEPTED_BY_DAY,
    QUARANTINE_BY_REASON,
    LABEL_VOLUME,
    CERTIFICATE_IN_FORCE,
    BACKLOG,
    VOTER_AGREEMENT,
    COST_PER_LABEL,
    ANNOTATOR_LOAD,
    LINEAGE,
    CURRENT_CLUSTERS,
    CLUSTERS,
    PII_BY_TYPE,
    RECORDS_BY_DAY,
    CURRENT_AGREEMENT,
    ANNOTATOR_PAIRS,
    COMPARED_VERSIONS,
    CONTESTED_CLUSTERS,
)
"""In an order in which each reads only tables and views before it."""
PLACES: dict[Place, Table] = {Place.GOLD: TRAINING_EXAMPLES, Place.QUARANTINE: QUARANTINE, Place.SHED: SHED}

__all__ = [
    "ACCEPTED_BY_DAY",
    "AGREEMENT",
    "AGREEMENT_COUNTS",
    "ANNOTATIONS",
    "ANNOTATOR_LOAD",
    "ANNOTATOR_PAIRS",
    "ANNOTATOR_QUALITY",
    "BACKLOG",
    "CERTIFICATES",
    "CERTIFICATE_IN_FORCE",
    "CLUSTERS",
    "CLUSTER_MERGES",
    "COMMANDS",
    "COMPARED_VERSIONS",
    "CONTESTED_CLUSTERS",
    "CONTRACT_VERSION",
    "COST_PER_LABEL",
    "CURRENT_AGREEMENT",
    "CURRENT_CLUSTERS",
    "CURRENT_DECISIONS",
    "DECISIONS",
    "EMBEDDINGS",
    "LABELS",
    "LABEL_FILES",
    "LABEL_VOLUME",
    "LANDED_FILES",
    "LINEAGE",
    "PII_BY_TYPE",
    "PLACES",
    "QUARANTINE",
    "QUARANTINE_BY_REASON",
    "RECORDS_BY_DAY",
    "REVIEW_QUEUE",
    "SHED",
    "TABLES",
    "TEXT_FEATURES",
    "TICKETS_BRONZE",
    "TICKETS_SILVER",
    "TRAINING_EXAMPLES",
    "VIEWS",
    "VOTER_AGREEMENT",
    "VOTES",
]
