"""The console commands: each loads what it runs within, so that Ctrl-C ends it in one line from its start on."""

from __future__ import annotations

from importlib import import_module

from spikebert.core.errors import exit_cleanly


def spikebert() -> int:
    return _run("spikebert", "deploy.workbench.cli")


def train() -> int:
    return _run("spikebert-train", "deploy.workbench.cli", "train")


def export() -> int:
    return _run("spikebert-export", "export.cli")


def simulate() -> int:
    return _run("spikebert-simulate", "simulate.cli")


def report() -> int:
    return _run("spikebert-report", "simulate.report.cli")


def deploy() -> int:
    return _run("spikebert-deploy", "deploy.cli")


def _run(program: str, module: str, function: str = "main") -> int:
    return exit_cleanly(program, lambda: getattr(import_module(module), function)())
