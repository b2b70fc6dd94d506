"""Times a step of alignment training against a bare forward and backward pass over its tokens.

The bare pass puts a soft prompt of the same shape in front of the same padded prompts, including
references, runs the model with its output head at the answers' positions, and backpropagates the
cross-entropy; it has no divergence, no groups, no network that makes the soft prompt, no clipping
and no optimizer. Both alternate. Prints the ratio of their times with its spread over the rounds.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from claims import BOUNDS
from table import Line, hold, save

from robustness import threads

threads.settle()

import torch  # noqa: E402

from robustness import paths  # noqa: E402
from robustness.data.tasks import builtin, builtin_names  # noqa: E402
from robustness.models import checkpoint  # noqa: E402
from robustness.training.alignment import data  # noqa: E402
from robustness.training.alignment.data import Collections  # noqa: E402
from robustness.training.alignment.forward import Forward  # noqa: E402
from robustness.training.alignment.groups import Group, Instance  # noqa: E402
from robustness.training.alignment.recipe import AlignRecipe  # noqa: E402
from robustness.training.alignment.trainee import Trainee  # noqa: E402
from robustness.training.alignment.update import accumulate  # noqa: E402


def bare(forward: Forward, table: torch.nn.Parameter, groups: list[Group], rows: int) -> None:
    """A forward and backward pass of the model over an update's prompts."""
    instances: list[Instance] = [g.reference for g in groups]
    for group in groups:
        instances += group.paraphrases
    model = forward.model
    lookup, decoder, head = model.get_input_embeddings(), model.get_decoder(), model.lm_head
    for start in range(0, len(instances), rows):
        part = instances[start : start + rows]
        longest = max(len(i.prompt) + len(i.answer) - 1 for i in part)
        ids = torch.tensor(
            [[*i.prompt, *i.answer[:-1]] + [0] * (longest - len(i.prompt) - len(i.answer) + 1)
             for i in part], device=forward.device,
        )
        embeds = torch.cat([table.expand(len(part), -1, -1), lookup(ids)], dim=1)
        hidden = decoder(inputs_embeds=embeds, use_cache=False).last_hidden_state
        where = [
            (row, len(table) + len(i.prompt) - 1 + n)
            for row, i in enumerate(part) for n in range(len(i.answer))
        ]
        rows_at, columns = zip(*where, strict=True)
        logits = head(hidden[list(rows_at), list(columns)]).float()
        gold = torch.tensor([t for i in part for t in i.answer], device=forward.device)
        torch.nn.functional.cross_entropy(logits, gold, reduction="sum").backward()


def timed(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=paths.BACKBONE)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=6, help="updates a round and side")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    loaded = checkpoint.load(arguments.model)
    recipe = AlignRecipe(out=Path(mkdtemp()), method="pt+kl")
    # Any labelled inputs will do for the time, and these need no corpora.
    examples = [
        replace(example, split="train")
        for name in builtin_names()
        for example in builtin(name).split("test")
    ]
    material = data.gather(
        recipe, loaded, examples=examples, collections=Collections(), nltk_data=None
    )
    forward, trainee = Forward(loaded), Trainee(recipe, loaded)
    optimizer = torch.optim.AdamW(list(trainee.parameters.values()), lr=1e-3)
    table = torch.nn.Parameter(trainee.front().detach().clone())
    batches = [
        material.pool.step(n, recipe.instances, recipe.paraphrases)
        for n in range(arguments.steps)
    ]

    def trainer() -> None:
        for groups in batches:
            accumulate(
                forward, groups, trainee.front, lambda_=recipe.weight,
                rows_per_pass=recipe.rows_per_pass,
            )
            torch.nn.utils.clip_grad_norm_(list(trainee.parameters.values()), recipe.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def plain() -> None:
        for groups in batches:
            bare(forward, table, groups, recipe.rows_per_pass)
            table.grad = None

    trainer()
    plain()
    ratios, seconds = [], []
    for number in range(arguments.rounds):
        # Who goes first changes, so that a machine that slows down favours nobody.
        order = (trainer, plain) if number % 2 else (plain, trainer)
        took = {work: timed(work, loaded.device) for work in order}
        ratios.append(took[trainer] / took[plain])
        seconds.append(took[trainer] / arguments.steps)
    found = {
        "model": loaded.id, "device": str(loaded.device), "rounds": arguments.rounds,
        "median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios),
        "seconds_per_step": statistics.median(seconds), "limit": BOUNDS["alignment"].ratio,
    }
    if arguments.json:
        print(json.dumps(found))
    else:
        print(
            f"{loaded.id} on {loaded.device}: a step costs {found['median']:.3f} times a bare "
            f"forward and backward (lowest {found['lowest']:.3f}, highest {found['highest']:.3f}, "
            f"{arguments.rounds} rounds), {found['seconds_per_step']:.3f} s"
        )
    made = Line(
        claim="a step of PT+KL: ours / peer", peer="bare forward and backward pass",
        ratio=statistics.median(ratios), low=min(ratios), high=max(ratios), count=len(ratios),
        of="rounds", bound="alignment",
    )
    save("alignment", [made])
    hold([made])


if __name__ == "__main__":
    main()
