"""Every table that flows: the one place where a column is declared.

Read it as the picture of the flow: bronze (what came), silver (what is safe to read, and the votes), gold (decisions
and the places a record can be in, and what is measured of votes).
"""

from pipelines.contracts.bronze import COMMANDS, LABEL_FILES, LANDED_FILES, TICKETS_BRONZE
from pipelines.contracts.gold import CERTIFICATES, DECISIONS, QUARANTINE, REVIEW_QUEUE, SHED, TRAINING_EXAMPLES
from pipelines.contracts.measures import AGREEMENT, AGREEMENT_COUNTS, ANNOTATOR_QUALITY
from pipelines.contracts.silver import ANNOTATIONS, CLUSTER_MERGES, EMBEDDINGS, LABELS, TEXT_FEATURES, TICKETS_SILVER
from pipelines.declaration import Table
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
PLACES: dict[Place, Table] = {Place.GOLD: TRAINING_EXAMPLES, Place.QUARANTINE: QUARANTINE, Place.SHED: SHED}

__all__ = [
    "AGREEMENT",
    "AGREEMENT_COUNTS",
    "ANNOTATIONS",
    "ANNOTATOR_QUALITY",
    "CERTIFICATES",
    "CLUSTER_MERGES",
    "COMMANDS",
    "CONTRACT_VERSION",
    "DECISIONS",
    "EMBEDDINGS",
    "LABELS",
    "LABEL_FILES",
    "LANDED_FILES",
    "PLACES",
    "QUARANTINE",
    "REVIEW_QUEUE",
    "SHED",
    "TABLES",
    "TEXT_FEATURES",
    "TICKETS_BRONZE",
    "TICKETS_SILVER",
    "TRAINING_EXAMPLES",
]
