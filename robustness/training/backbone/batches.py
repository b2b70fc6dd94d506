"""Draws the training sequences of a step: generated stories, short texts, and running text.

Step k of a seed always gives the same batch, so a resumed run continues with new ones.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from transformers import PreTrainedTokenizerFast

from robustness.data import prompts
from robustness.training.backbone import worlds
from robustness.training.backbone.data import UNSEEN_TASKS, delete_words
from robustness.training.backbone.recipe import Recipe
from robustness.types import Example, Instruction

IGNORED = -100
RUNNING = "running"
RUNNING_SENTENCES = 3
RUNNING_TOKENS = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSequence:
    """A training sequence: token ids and the labels of the loss."""

    task: str
    """Name under which its accuracy is reported: a task, `bound`, or a part of the curriculum."""
    ids: tuple[int, ...]
    labels: tuple[int, ...]
    """Equal to `ids` where a token is to be predicted, `IGNORED` elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The data from which batches are drawn."""

    recipe: Recipe
    tokenizer: PreTrainedTokenizerFast
    observed: Mapping[str, Sequence[Instruction]]
    """Task -> its observed instructions."""
    real: Mapping[str, Sequence[Example]]
    """Real-text task -> its training examples."""
    running_text: Sequence[str]
    """Sentences in order, for the language-model loss; empty where the recipe uses none."""
    held_out: frozenset[str]
    """Texts of the shipped inputs, which are not trained on."""

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def sequence(self, instruction: Instruction, example: Example) -> TrainingSequence:
        """The sequence of one example under one instruction; the loss is on the answer only."""
        prompt = prompts.fill(instruction, example)
        answer = prompt.options[example.options.index(str(example.answer))]
        start = [self.tokenizer.bos_token_id, *self._ids(prompt.text)]
        end = [*self._ids(answer), self.tokenizer.eos_token_id]
        return TrainingSequence(
            task=example.task, ids=(*start, *end), labels=(*[IGNORED] * len(start), *end)
        )

    def _dense(self, task: str, text: str, pairs: Sequence[tuple[str, str]]) -> TrainingSequence:
        ids = [self.tokenizer.bos_token_id, *self._ids(text + "\n")]
        labels = [IGNORED] * len(ids)
        for key, answer in pairs:
            asked, answered = self._ids(key), [*self._ids(answer), self.tokenizer.eos_token_id]
            ids += asked + answered
            labels += [IGNORED] * len(asked) + answered
        return TrainingSequence(task=task, ids=tuple(ids), labels=tuple(labels))

    def _deleted(
        self, instruction: Instruction, example: Example, rng: random.Random
    ) -> TrainingSequence:
        share = self.recipe.instruction_deletion
        if rng.random() < 0.5:
            instruction = replace(
                instruction,
                id="",
                text=delete_words(instruction.text, 2 * share * rng.random(), rng),
            )
        return self.sequence(instruction, example)

    def stories(self, rng: random.Random) -> list[TrainingSequence]:
        """The QA sequences of a step."""
        tasks = [t for t in worlds.STORY_TASKS if t not in UNSEEN_TASKS]
        made: list[TrainingSequence] = []
        while len(made) < self.recipe.batch_stories:
            bound = rng.random() < self.recipe.bound_share
            story = worlds.story(rng, bound=bound)
            if story.text in self.held_out:
                continue
            if rng.random() < self.recipe.dense_share:
                task = "dense_bound" if bound else "dense_story"
                made.append(self._dense(task, *worlds.dense(story, rng)))
                continue
            example = worlds.story_examples(story, [rng.choice(tasks)], "train", rng)[0]
            sequence = self._deleted(rng.choice(self.observed[example.task]), example, rng)
            made.append(replace(sequence, task="bound") if bound else sequence)
        return made

    def texts(self, rng: random.Random) -> list[TrainingSequence]:
        """The MC and BC sequences of a step."""
        tasks = [t for t in worlds.SCENE_TASKS if t not in UNSEEN_TASKS]
        names = list(self.real)
        weights = [len(self.real[name]) ** self.recipe.real_exponent for name in names]
        made: list[TrainingSequence] = []
        while len(made) < self.recipe.batch_texts:
            if rng.random() < self.recipe.real_share:
                example = rng.choice(self.real[rng.choices(names, weights)[0]])
                share = 2 * self.recipe.word_deletion * rng.random()
                text = delete_words(example.fields["text"], share, rng)
                example = replace(example, id="", fields={"text": text})
            elif rng.random() < self.recipe.dense_share:
                text, pairs = worlds.dense_scene(rng, tasks)
                if text not in self.held_out:
                    made.append(self._dense("dense_scene", text, pairs))
                continue
            else:
                example = worlds.scene_examples(rng, [rng.choice(tasks)], "train")[0]
                if example.fields["text"] in self.held_out:
                    continue
            made.append(self._deleted(rng.choice(self.observed[example.task]), example, rng))
        return made

    def running(self, rng: random.Random) -> list[TrainingSequence]:
        """The sequences of running text of a step, in which every token is predicted."""
        made = []
        for _ in range(self.recipe.batch_running):
            start = rng.randrange(len(self.running_text))
            text = "\n".join(self.running_text[start : start + RUNNING_SENTENCES])
            ids = [self.tokenizer.bos_token_id, *self._ids(text)][:RUNNING_TOKENS]
            made.append(TrainingSequence(task=RUNNING, ids=tuple(ids), labels=tuple(ids)))
        return made

    def step(self, number: int) -> tuple[list[TrainingSequence], ...]:
        """The parts of step `number`, each with its own loss: stories, texts, running text."""
        rng = random.Random(f"{self.recipe.seed}-{number}")
        parts = self.stories(rng), self.texts(rng), self.running(rng)
        return tuple(part for part in parts if part)
