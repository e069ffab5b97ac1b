"""Tickets a second that models of two shapes label on a GPU, and the share of its rate of matrix products.

    python -m tests.benchmarks.scoring --tickets 16000 --save task.json      # where the embedded model is
    python -m tests.benchmarks.scoring_gpu task.json --json result.json      # where the GPU is

Random weights, in the shapes of SmolLM2-135M and Llama-3.2-3B; the prompt and the tickets are the ones of `scoring`,
each ticket different. Ours: `score_texts`, from token ids to probabilities on the host. `one forward`: transformers
with whole prompts, 64 a batch, padded, in bf16. Both read in turn, round by round, after a product of two square bf16
matrices of random numbers is timed: its rate is what ours is a share of, counting linear layers and attention of the
tickets' tokens only. Answers are compared with whole prompts in fp32; beside them stand those of transformers in bf16,
which rounds as well.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from pipelines.adapters.hardware import Place
from pipelines.adapters.reader_choice import open_reader
from pipelines.kernels import gpu
from pipelines.kernels.label_trees import Floats
from pipelines.kernels.scoring import GPU_BUDGET, read_prompt, score_texts
from tests.benchmarks.report import make_parser, ratios, say, write_json
from tests.benchmarks.scoring_plain import Task, load_task, operations, plain

SQUARE, PRODUCTS = 8192, 20
WHOLE_BATCH, COMPARED = 64, 256
GOALS = {"135M": 20_000, "3B": 1_900}
"""Tickets a second."""
WIDE = 0.06
"""Spread of the random weights: with less of it all answers would be alike."""
SHAPES = {
    "135M": {
        "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
        "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192,
    },
    "3B": {
        "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28, "num_attention_heads": 24,
        "num_key_value_heads": 8, "vocab_size": 128_256, "max_position_embeddings": 8192,
    },
}  # fmt: skip


def grow(shape: str) -> PreTrainedModel:
    """Make a model of random weights."""
    torch.manual_seed(0)
    config = LlamaConfig(**SHAPES[shape], initializer_range=WIDE, tie_word_embeddings=True)
    with torch.device("cuda"):
        return LlamaForCausalLM(config).eval()


def timed(run: Callable[[], object]) -> float:
    """Seconds until the GPU has done something."""
    torch.cuda.synchronize()
    begin = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - begin


def square_rate() -> float:
    """Operations a second of a product of square bf16 matrices of random numbers."""
    one, other = (torch.randn(SQUARE, SQUARE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    _ = one @ other
    return 2 * SQUARE**3 * PRODUCTS / timed(lambda: [one @ other for _ in range(PRODUCTS)])


def apart(given: Floats, expected: Floats) -> dict[str, float]:
    """Compare answers: how many have the same likeliest label, and how far probabilities lie apart."""
    moved = abs(np.exp(given) - np.exp(expected))
    same = given.argmax(axis=1) == expected.argmax(axis=1)
    return {"same_label": float(same.mean()), "mean_apart": float(moved.mean()), "most_apart": float(moved.max())}


def measure(shape: str, task: Task, options: argparse.Namespace) -> dict[str, object]:
    """Time and compare with one shape."""
    network = grow(shape)
    some = task.some(max(1, len(task.tickets) // COMPARED))
    expected = plain(network, task, 0)(some)
    reader = open_reader(network, Place("cuda", torch.bfloat16, "cuda"))
    asked = read_prompt(reader, task.prompt)
    whole = plain(network, task, 0, WHOLE_BATCH)
    runs = {
        "ours": (task.tickets, lambda: score_texts(reader, asked, task.tickets, options.budget)),
        "one forward": (some, lambda: whole(some)),
    }
    torch.cuda.reset_peak_memory_stats()
    score_texts(reader, asked, task.tickets, options.budget)
    peak = torch.cuda.max_memory_allocated()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    rates: list[float] = []
    for number in range(options.rounds + 1):
        rate = square_rate()
        rates += [rate] if number else []
        for name, (tickets, run) in runs.items():
            each = timed(run) / len(tickets)
            seconds[name] += [each] if number else []
            say(f"{shape}, round {number}: {name} {1 / each:,.0f}/s; square product {rate / 1e12:.0f} TFLOP/s")
    work = operations(network, task) / len(task.tickets)
    return {
        "tickets_a_second": {name: 1 / statistics.median(each) for name, each in seconds.items()},
        "goal": GOALS[shape],
        "one forward / ours": ratios(seconds["one forward"], seconds["ours"]),
        "operations_a_ticket": work,
        "square_tflops": statistics.median(rates) / 1e12,
        "share_of_square": ratios([work / each for each in seconds["ours"]], rates),
        "quality": {
            "ours": apart(score_texts(reader, asked, some), expected),
            "one forward": apart(whole(some), expected),
        },
        "own_kernels": not gpu.given_up,
        "peak_bytes": peak,
    }


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__, budget=GPU_BUDGET, rounds=5)
    parser.add_argument("task", type=Path, help="what `scoring --save` wrote")
    parser.add_argument("--only", choices=SHAPES, nargs="*", default=[*SHAPES])
    options = parser.parse_args()
    task = load_task(options.task)
    about = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "tickets": len(task.tickets),
        "head_tokens": len(task.prompt.head),
        "tail_tokens": len(task.prompt.tail),
        "ticket_tokens": round(statistics.mean(map(len, task.tickets)), 1),
    }
    result = {shape: measure(shape, task, options) for shape in options.only}
    write_json(about | result, options.json)
    print(about)
    for shape, told in result.items():
        print(f"{shape}: {told}")


if __name__ == "__main__":
    main()
