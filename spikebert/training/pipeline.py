"""From a task and a teacher to a trained model on disk: the stages of `spikebert-train`, each resumable."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, PreTrainedTokenizerFast

from spikebert.core.errors import InputError, all_printable
from spikebert.core.files import Kind, require_place, write_folder_atomically
from spikebert.core.log import say
from spikebert.data.metrics import chosen
from spikebert.data.summary import warn_of
from spikebert.data.tasks import Task
from spikebert.model.checkpoint import FOLDER, TrainedModel, save_directory, save_model
from spikebert.model.config import SpikeBertConfig
from spikebert.model.model import SpikeBertForSequenceClassification
from spikebert.model.outputs import REGRESSION
from spikebert.model.pretrained import save_pretrained
from spikebert.training import model_start, processes, teacher_folder, warm_start
from spikebert.training import teacher as teachers
from spikebert.training.calibration import calibrate
from spikebert.training.deciding import decide
from spikebert.training.device import choose
from spikebert.training.distill import (
    Student,
    initialise_blocks,
    initialise_embeddings,
    initialise_head,
    stage_one,
    stage_two,
)
from spikebert.training.examples import examples_for, examples_of, separator_of, taught_examples, unlabelled_examples
from spikebert.training.loop import Batch, Schedule, by_length, train
from spikebert.training.losses import label_loss
from spikebert.training.measuring import measure_model
from spikebert.training.preparation import prepare
from spikebert.training.run import Run
from spikebert.training.settings import FromTeacher, Machine, Settings, Shape, Taught, TeacherSettings
from spikebert.training.targets import CachedTeacher, cached
from spikebert.training.teacher import Teacher
from spikebert.training.texts import corpus_lines, more_texts
from spikebert.training.vocabulary import keeping

CALIBRATION = 1000  # texts whose statistics the batch norms of a lifted model begin with
TEACHER_TOKENS = 128  # of the longest text, unless more are asked for
TEACHER = Kind("a fine-tuned teacher", ("config.json", "*.safetensors", "*.json", "vocab.txt"))


def computing(settings: Machine) -> dict[str, Any]:
    """Where and how `train` computes."""
    return {"device": choose(settings.device), "precision": settings.precision}


def fine_tune(settings: TeacherSettings, task: Task | None = None) -> Path:
    """`spikebert-train teacher`: fine-tune a BERT for a task. Gives the folder of the finished teacher."""
    with Run(settings, "teacher") as run:
        task = task or prepare(settings)
        run.keep_task(task, settings.task)
        finished = run.folder / "model"
        if not finished.exists():
            _fine_tune(settings, run, task, finished)
    say(f"teacher in {finished}")
    return finished


def _fine_tune(settings: TeacherSettings, run: Run, task: Task, finished: Path) -> None:
    torch.manual_seed(settings.seed)  # a new head is random, and the same in every process and at every start
    model, tokenizer, fitted = teachers.load(
        settings.teacher, task.labels, settings.teacher_pooling, teachers.Head.GOES_ON
    )
    if not fitted:
        initialise_head(model.classifier, task)
    separator = separator_of(task, tokenizer, model.config)
    require_positions(settings.max_tokens, model.config, settings)
    longest = min(settings.max_tokens or TEACHER_TOKENS, model.config.max_position_embeddings)
    examples = examples_of(task.train, task.labels, tokenizer, longest, separator)
    schedule = Schedule(settings.teacher_epochs, settings.batch_size, settings.teacher_learning_rate, settings.seed)

    def loss(batch):
        types = teachers.token_types(batch.tokens, separator)
        output = model(input_ids=batch.tokens, attention_mask=batch.mask, token_type_ids=types)
        return {"loss": label_loss(output.logits, batch.labels, task.spread)}

    train("teacher", model, loss, examples, schedule, run.checkpoint("teacher"), run.metrics, **computing(settings))
    with processes.main_first():
        if processes.is_main():
            _keep_teacher(settings, run, task, model, tokenizer, longest, separator, finished)


def _keep_teacher(
    settings: FromTeacher, run: Run, task: Task, model, tokenizer, longest: int, separator: int | None, finished: Path
) -> None:
    """Measure on dev and write the teacher's folder."""
    dev = examples_of(task.dev, task.labels, tokenizer, longest, separator)
    metric = chosen(settings.metric, task.name, task.labels)
    found, majority = measure_model(model, dev, metric, task.labels, separator), task.majority
    run.metrics.write(stage="teacher", **found.record, majority=majority)
    beside = "" if majority is None else f" (majority class {majority:.4f})"
    say(f"teacher: {found} on {len(task.dev)} dev texts{beside}")
    warn_of("the teacher", found.accuracy, task.dev)

    write_folder_atomically(finished, TEACHER, lambda folder: save_pretrained(folder, model, tokenizer))
    run.clear()


def distil(settings: Settings, task: Task | None = None) -> Path:
    """`spikebert-train`: both stages. Gives the path of `model.pt`, beside which the model directory stands.

    With `epochs` 0 it ends after stage 1, and gives the path of the student that other runs may begin from.
    """
    with Run(settings, "student") as run:
        return _distil(settings, run, task or prepare(settings))


def _distil(settings: Settings, run: Run, task: Task) -> Path:
    run.keep_task(task, settings.task)
    seconds = 0.0
    finished = run.model if settings.epochs else run.folder / warm_start.FILE
    if finished.exists():
        say(f"{finished} is finished; choose another --out to train anew")
        return finished
    require_place(run.folder / "model", FOLDER)
    remember_teachers(settings, run)
    if settings.warm_start:
        run.remember("warm start", "warm_start", settings.warm_start, model_start.digest(settings.warm_start))
    general, tokenizer, fitted = teachers.load(settings.teacher, task.labels)
    begin = model_start.beginning(settings)
    student = _new_student(settings, task, tokenizer, general, begin)
    separator = student.model.config.separator
    # Read before anything is trained: a corpus that is not there is not to be found out after hours.
    more = more_texts(settings, run, task, tokenizer) if settings.epochs else []
    others = teachers.load_more(settings.others, task.labels, tokenizer)
    if begin:
        model_start.put(student.model, begin, tokenizer, task.labels)
    elif settings.warm_start:
        warm_start.load(student, settings.warm_start)
    elif settings.stage1_epochs:
        texts = _stage_one_texts(settings, run, task)
        seconds += _stage_one(settings, run, student, Teacher(general, separator), texts, tokenizer)
    expert = Teacher(general, separator)
    if settings.epochs:
        model = general
        if fitted:
            say(f"teacher: {settings.teacher} is fine-tuned for these labels, and used as it is")
        else:
            folder = fine_tune(teacher_settings(settings, general.config), replace(task, cut=False))
            model, tokenizer, _ = teachers.load(str(folder), task.labels)
        expert = Teacher(teachers.mean_of(model, others), separator)
        seconds += _stage_two(settings, run, student, expert, task, more, tokenizer, calibrated=begin is None)
    with processes.main_first():
        if processes.is_main():
            warm_start.save(student, run.folder)  # before model.pt, which says that the run is finished
            if settings.epochs:
                _finish(settings, run, task, student.model, expert, tokenizer, more, seconds)
            run.clear()
    say(f"the student, for --warm-start {run.folder}, is in {run.folder / warm_start.FILE}")
    return finished


def _new_student(
    settings: Settings, task: Task, tokenizer: PreTrainedTokenizerFast, general, begin: TrainedModel | None
) -> Student:
    """Of the shape that the settings or `begin` ask for, with the weights of the teacher that they ask for."""
    shape = student_shape(settings, task, tokenizer, general.config)
    if begin:
        shape |= model_start.shape(begin, settings)
        shape["shared_words"] &= shape["separator"] is not None
        require_positions(shape["max_tokens"], general.config, settings)
    config = SpikeBertConfig(**shape)
    torch.manual_seed(settings.seed)
    model = SpikeBertForSequenceClassification(config)
    student = Student(model, general.config.hidden_size, settings.skip_layers, task.spread)
    initialise_head(model.readout.head, task)
    initialise_embeddings(student.model, Teacher(general))
    if settings.init == "blocks":
        initialise_blocks(student.model, Teacher(general))
    return student


def require_positions(tokens: int | None, teacher: BertConfig, settings: FromTeacher) -> None:
    """An InputError where the teacher knows fewer positions than texts are to have tokens."""
    longest = teacher.max_position_embeddings
    if tokens and tokens > longest:
        raise InputError(
            f"{tokens}: the teacher {settings.teacher} has {longest} positions; give at "
            f"most {longest}, or a teacher with more",
            field="max_tokens",
        )


def _longest(settings: Shape, teacher: BertConfig) -> int:
    """Tokens of the student's longest text: the preset's or those asked for, and no more than the teacher reads."""
    require_positions(settings.max_tokens, teacher, settings)
    wanted, longest = settings.sizes["max_tokens"], teacher.max_position_embeddings
    if wanted > longest:
        say(f"the teacher has {longest} positions: the student takes texts of {longest} tokens, not of {wanted}")
    return min(wanted, longest)


def student_shape(
    settings: Shape, task: Task, tokenizer: PreTrainedTokenizerFast, teacher: BertConfig
) -> dict[str, Any]:
    separator = separator_of(task, tokenizer, teacher)
    return {
        **settings.sizes,
        "vocab_size": teachers.vocabulary(tokenizer),
        "num_labels": max(1, len(task.labels)),
        "problem_type": REGRESSION if task.regression else None,
        "separator": separator,
        "shared_words": separator is not None,
        "neighbours": settings.neighbours,
        "attention_only": settings.attention_only,
        "norm": settings.norm,
        "reset": settings.reset,
        "residual": settings.residual,
        "time_steps": settings.time_steps,
        "beta": settings.beta,
        "embedding_levels": settings.levels,
        "max_tokens": _longest(settings, teacher),
    }


def teacher_settings(settings: Settings, teacher: BertConfig) -> TeacherSettings:
    """Those of the teacher of a run, which has a folder inside. Its task comes with the model's names of labels."""
    longest = min(settings.sizes["max_tokens"], teacher.max_position_embeddings)
    own: dict[str, Any] = {field.name: getattr(settings, field.name) for field in fields(TeacherSettings)}
    own |= {"out": str(Path(settings.out) / "teacher"), "labels": None}
    own["max_tokens"] = longest if longest > TEACHER_TOKENS else None
    return TeacherSettings(**own)


def remember_teachers(settings: Taught, run: Run) -> None:
    """The run's folder tells which teachers it has: another one under the same name is refused when it resumes."""
    for name in (settings.teacher, *settings.others):
        if digest := teacher_folder.digest(name):
            run.remember(f"teacher {name}", "teacher", name, digest)


def _stage_one_texts(settings: Settings, run: Run, task: Task) -> list[str]:
    """The text of stage 1: `--corpus`, one text a line, or else the task's own without its labels."""
    if settings.corpus:
        return corpus_lines(settings, run, settings.corpus_limit)
    return [row.text for row in task.train]


def _stage_one(settings, run: Run, student: Student, teacher: Teacher, texts: list[str], tokenizer) -> float:
    config = student.model.config
    examples = unlabelled_examples(texts, tokenizer, config.max_tokens, config.separator)
    schedule = Schedule(settings.stage1_epochs, settings.batch_size, settings.learning_rate, settings.seed)
    # Stage 1 has no logits: the head keeps its initial weights and gets no gradient.
    return _stage(settings, run, "stage1", student, teacher, examples, schedule)


def _stage_two(
    settings, run: Run, student: Student, expert: Teacher, task: Task, more: list[str], tokenizer, calibrated: bool
) -> float:
    """calibrated: whether the student's batch norms have statistics already, or need not, since they are new."""
    longest, separator = student.model.config.max_tokens, student.model.config.separator
    examples = taught_examples(task, more, tokenizer, longest, separator)
    if not calibrated:
        calibrate(student.model, by_length(examples[:CALIBRATION], settings.batch_size))
    schedule = Schedule(settings.epochs, settings.batch_size, settings.learning_rate, settings.seed)
    return _stage(settings, run, "stage2", student, expert, examples, schedule)


def _stage(settings, run: Run, stage: str, student: Student, teacher: Teacher, examples, schedule: Schedule) -> float:
    """Train the student in "stage1" or "stage2", with the teacher's outputs cached on disk where that is of use.

    Gives the seconds of training, also of processes that were killed.
    """
    where = computing(settings)
    teacher = teacher.to(where["device"])
    layers, limit = student.layers(teacher.layers), settings.cache_limit
    source = cached(teacher, layers, examples, run, stage, schedule.epochs, limit, where["precision"])

    def loss(batch: Batch) -> dict[str, torch.Tensor]:
        if stage == "stage1":
            return stage_one(student, source, batch)
        return stage_two(student, source, batch, settings.weights, settings.operations_target)

    prepare = source.prepare if isinstance(source, CachedTeacher) else None
    name = f"stage {stage[-1]}"
    checkpoint = run.checkpoint(stage)
    seconds = train(name, student, loss, examples, schedule, checkpoint, run.metrics, prepare=prepare, **where)
    processes.wait()
    if processes.is_main():
        run.clear_targets(stage)
    return seconds


def _finish(
    settings: Settings, run: Run, task: Task, model, expert: Teacher, tokenizer, more: list[str], seconds: float
) -> None:
    """Measure on dev and write the model; `more` are the texts that it learned beside the task's."""
    trained = TrainedModel(model.eval(), tokenizer.backend_tokenizer.to_str(), task.labels, {})
    dev = examples_of(task.dev, task.labels, tokenizer, model.config.max_tokens, model.config.separator)
    trained = keeping(settings.vocabulary, trained, [*(row.text for row in task.train), *more])
    metric = chosen(settings.metric, task.name, task.labels)
    decision = decide(trained, task.train, metric)
    found = measure_model(trained.model, examples_for(trained, task.dev), metric, task.labels)
    of_teacher = measure_model(expert.model, dev, metric, task.labels, expert.separator)
    result = {
        **found.record,
        "teacher_accuracy": of_teacher.accuracy,
        "teacher_score": of_teacher.score.value,
        "majority": task.majority,
        "dev_texts": len(dev),
    }
    run.metrics.write(stage="finished", seconds=round(seconds, 1), **result)
    training = {
        **trained.training,
        **{k: v for k, v in asdict(settings).items() if k not in ("out", "dev", "corpus", "cache_limit", "warm_start")},
        "task": task.name,
        "teacher": Path(settings.teacher).name,
        "more_teachers": [Path(name).name for name in settings.others],
        "teacher_shape": expert.shape,  # energy reports price it
        "corpus": Path(settings.corpus).name if settings.corpus else None,
        "warm_start": Path(settings.warm_start).name if settings.warm_start else None,
        "max_tokens": model.config.max_tokens,
        "train_texts": len(task.train),
        **result,
        **decision,
        "versions": {name: version(name) for name in ("spikebert", "torch", "transformers")},
    }
    trained = replace(trained, training=all_printable(training))
    save_directory(trained, run.folder / "model")
    save_model(trained, run.model)
    beside = "" if task.regression else f", majority class {result['majority']:.4f}"
    say(
        f"SpikeBERT: {found} on {len(dev)} dev texts (teacher {of_teacher.score.value:.4f}{beside}); "
        f"{run.model} and {run.folder / 'model'}"
    )
    warn_of("SpikeBERT", found.accuracy, task.dev, of_teacher.accuracy)
