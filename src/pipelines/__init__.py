"""Support tickets in; governed, PII-free, de-duplicated, intent-labelled training data out.

Reading order: `contracts` (what flows), `jobs.streaming` (how it flows), `transforms` in the order of a ticket's
life (intake, redaction, duplicates, labelling, agreement, review, datasets, quality), then `adapters` when something
outside misbehaves. Nothing heavy is imported here.
"""
