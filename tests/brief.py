"""Train for a few steps, telling everything."""

from dataclasses import replace

from accelerate import Accelerator

from dtn_core.training.loop import train


def train_briefly(stage, run, steps, sample_every):
    """To step `steps`; a log line a step, a checkpoint every second."""
    config = replace(run.config, steps=steps, log_every=1, sample_every=sample_every, save_every=2)
    return train(stage, run, config, Accelerator(cpu=True))
