"""What models are asked when they are timed, the plain way to answer, and the work that it takes at least."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from pipelines.kernels.label_trees import ClosedSet, Floats
from pipelines.kernels.scoring import Prompt

BATCH, NEW_TOKENS = 16, 8
SLOW = {"generate": 16, "one forward": 8, "each label": 128}
"""Of how many tickets one is read; a whole batch at least of those that read batches of tickets."""
Ids = tuple[int, ...]


@dataclass(frozen=True)
class Task:
    """What everybody is given: a prompt, tickets in tokens, and their true labels."""

    prompt: Prompt
    tickets: list[Ids]
    truth: list[int]

    def whole(self, ticket: Ids) -> list[int]:
        """The whole prompt of a ticket."""
        return [*self.prompt.head, *ticket, *self.prompt.tail]

    def share(self, name: str) -> int:
        """Of how many tickets one is read by somebody."""
        most = len(self.tickets) if name == "each label" else max(1, len(self.tickets) // BATCH)
        return min(SLOW.get(name, 1), most)

    def save(self, path: Path) -> None:
        """Write it down, for a machine that has neither the model's tokens nor the tickets."""
        told = {"head": self.prompt.head, "tail": self.prompt.tail, "codes": self.prompt.labels.codes}
        path.write_text(json.dumps(told | {"tickets": self.tickets, "truth": self.truth}), encoding="utf-8")

    def some(self, share: int) -> list[Ids]:
        """One in so many tickets, spread evenly over the lengths."""
        return sorted(self.tickets, key=len)[min(share, len(self.tickets)) // 2 :: share]


def load_task(path: Path) -> Task:
    """Read what `Task.save` wrote."""
    told = json.loads(path.read_text(encoding="utf-8"))
    labels = ClosedSet(tuple(map(tuple, told["codes"])))
    prompt = Prompt(tuple(told["head"]), tuple(told["tail"]), labels)
    return Task(prompt, [*map(tuple, told["tickets"])], told["truth"])


Contestant = Callable[[Sequence[Ids]], Floats]


def plain(network: PreTrainedModel, task: Task, new: int, batch: int = BATCH) -> Contestant:
    """Read whole prompts, padded on the left; generate, where tokens are wanted, else take the last logits."""
    codes = [code[0] for code in task.prompt.labels.codes]

    @torch.inference_mode()
    def read(tickets: Sequence[Ids]) -> Floats:
        logs = np.zeros((len(tickets), len(codes)))
        order = sorted(range(len(tickets)), key=lambda place: len(tickets[place]))
        for start in range(0, len(order), batch):
            places = order[start : start + batch]
            ids, mask = (part.to(network.device) for part in pad([task.whole(tickets[place]) for place in places]))
            if new:
                network.generate(
                    input_ids=ids, attention_mask=mask, max_new_tokens=new, min_new_tokens=new, do_sample=False
                )
            else:
                positions = (mask.cumsum(1) - 1).clamp_min(0)
                logits = network(input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=1).logits
                logs[places] = logits[:, -1, codes].double().log_softmax(-1).cpu().numpy()
        return logs

    return read


def pad(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad on the left; token ids and mask."""
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows])
    return ids, torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])


def operations(network: PreTrainedModel, task: Task) -> float:
    """Multiplications and additions for all tickets: the linear layers of their tokens, and attention."""
    config = network.config
    linear = sum(p.numel() for name, p in network.named_parameters() if p.dim() == 2 and ".layers." in name)
    seen = 4 * config.num_attention_heads * config.head_dim * config.num_hidden_layers
    sizes = [len(ticket) + len(task.prompt.tail) for ticket in task.tickets]
    return float(sum(size * 2 * linear + seen * size * (len(task.prompt.head) + (size + 1) / 2) for size in sizes))
