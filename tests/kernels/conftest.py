"""What needs torch and transformers is left out where they are not installed."""

from importlib.util import find_spec

collect_ignore = (
    []
    if find_spec("torch") and find_spec("transformers")
    else ["test_label_trees.py", "test_packing.py", "test_prefix_attention.py", "test_scoring.py"]
)
