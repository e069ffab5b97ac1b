"""The cluster index of a stream: in memory and on the driver's disk what silver.tickets says, never more than that.

Band keys are random, so a join with the table would read all of its files in every micro-batch. The index is a cache of
the table: it learns a micro-batch after that is committed, reads what it has missed when a stream starts, and is built
anew when its files are gone, damaged, of another table or of other settings.
"""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pyspark.sql import DataFrame

from pipelines.adapters.cluster_rows import Stored, look_at, read_merges, read_unknown
from pipelines.adapters.delta import BatchWrite
from pipelines.adapters.segment_files import SegmentFile, open_segment, write_segment
from pipelines.kernels.cluster_index import Assignment, ClusterIndex, remember
from pipelines.kernels.segments import Segment, choose_merge, merge_segments
from pipelines.kernels.similarity import Search
from pipelines.settings import ClusterSettings
from pipelines.settings_base import fingerprint

FORMAT = 1
"""Raised when files of before cannot be read any more, or mean something else."""
FOLDER = "clusters"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What the files of a cache hold.

    Attributes:
        made_from: fingerprint of table and settings.
        held: newest micro-batch of each life of the checkpoint (query_epoch) that is in them.
        files: the segments, oldest first.
    """

    made_from: str
    held: dict[str, int]
    files: tuple[SegmentFile, ...] = ()


class ClusterCache:
    """The index of one stream.

    Args:
        caches: folder of the workspace's caches, on the driver's own disk.
        settings: what counts as nearly the same, and for how long.
    """

    def __init__(self, caches: Path, settings: ClusterSettings) -> None:
        self.folder, self.settings = caches / FOLDER, settings
        self.index = ClusterIndex(search_of(settings), settings.window_days)
        self.manifest: Manifest | None = None

    @property
    def is_open(self) -> bool:
        """Whether the index has caught up with the tables, so that it only has to learn what is committed."""
        return self.manifest is not None

    def catch_up(self, history: DataFrame, merges: DataFrame, table_id: str) -> None:
        """Make the index say what the tables say: before the first micro-batch of a stream.

        Args:
            history: silver.tickets.
            merges: silver.cluster_merges.
            table_id: of silver.tickets; a table that is made anew has another.
        """
        stored = look_at(history)
        found = self.open(fingerprint(FORMAT, table_id, self.settings), stored)
        self.manifest = found
        for members, texts in read_unknown(history, found.held, stored.last_day - self.settings.window_days):
            self.add(remember(members, texts, self.index.search))
        told, number = read_merges(merges), stored.last_number + 1
        self.index = replace(self.index, merges=told, next_number=number, latest_day=stored.last_day)
        self.save(replace(self.manifest, held=stored.held))

    def learn(self, assignment: Assignment, write: BatchWrite) -> None:
        """Remember the outcome of a micro-batch that is committed."""
        self.index = replace(self.index.learn(assignment), segments=self.index.segments)
        if len(assignment.segment):
            self.add(assignment.segment)
            self.tidy()
        if self.manifest:
            self.save(replace(self.manifest, held=self.manifest.held | {write.query_epoch: write.batch_id}))

    def open(self, made_from: str, stored: Stored) -> Manifest:
        """Open what was kept, if it is whole and the table still knows all of it; else begin anew."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = read_manifest(self.folder / MANIFEST)
        fits = kept is not None and kept.made_from == made_from
        known = kept is not None and all(stored.held.get(epoch, -1) >= batch for epoch, batch in kept.held.items())
        if kept is None or not (fits and known):
            return Manifest(made_from, {})
        segments = [open_segment(self.folder, file) for file in kept.files]
        whole = tuple(segment for segment in segments if segment is not None)
        if len(whole) < len(segments):
            return Manifest(made_from, {})
        self.index = replace(self.index, segments=whole)
        return kept

    def add(self, segment: Segment) -> None:
        """Put a segment behind the others."""
        self.put(slice(len(self.index.segments), None), [segment])

    def tidy(self) -> None:
        """Let go of days outside the window, and make one segment of several small ones."""
        days = [int(segment.members.days.max()) for segment in self.index.segments]
        earliest = self.index.latest_day - self.settings.window_days
        for place in reversed([place for place, day in enumerate(days) if day < earliest]):
            self.put(slice(place, place + 1), [])
        while run := choose_merge(list(map(len, self.index.segments))):
            self.put(run, [merge_segments(self.index.segments[run], earliest, self.index.search)])

    def put(self, run: slice, segments: list[Segment]) -> None:
        """Put segments in the place of others, on disk first: what is mapped into memory needs none of its own."""
        if self.manifest is None:
            return
        names = [f"{part.members.numbers[0]:015d}-{part.members.numbers[-1]:015d}.segment" for part in segments]
        written = [write_segment(part, self.folder / name) for part, name in zip(segments, names, strict=True)]
        mapped = [open_segment(self.folder, file) or part for file, part in zip(written, segments, strict=True)]
        files, every = list(self.manifest.files), list(self.index.segments)
        files[run], every[run] = written, mapped
        self.index = replace(self.index, segments=tuple(every))
        self.manifest = replace(self.manifest, files=tuple(files))

    def save(self, manifest: Manifest) -> None:
        """Write down what the files hold, then delete those that nothing names any more."""
        aside = self.folder / f"{MANIFEST}.part"
        aside.write_text(json.dumps(asdict(manifest)), encoding="utf-8")
        aside.replace(self.folder / MANIFEST)
        self.manifest = manifest
        named = {MANIFEST, *(file.name for file in manifest.files)}
        for path in self.folder.iterdir():
            if path.name not in named:
                path.unlink(missing_ok=True)


def search_of(settings: ClusterSettings) -> Search:
    """Give the kernels what the settings say: kernels know no settings."""
    return Search(
        threshold=settings.similarity_threshold,
        shingle_chars=settings.shingle_chars,
        seed=settings.seed,
        max_miss=settings.max_miss,
        max_bucket=settings.max_bucket,
    )


def forget(folder: Path) -> None:
    """Delete an index: the next stream makes it again from what the table says by then."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def read_manifest(path: Path) -> Manifest | None:
    """Read a manifest; None when there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(SegmentFile(**file) for file in content["files"])
        return Manifest(content["made_from"], content["held"], files)
    except (OSError, ValueError, KeyError, TypeError):
        return None
