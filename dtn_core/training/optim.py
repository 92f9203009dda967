"""Optimizer steps, on one device or in several processes of accelerate.

Every process makes the same batch of (seed, step), computes its own slice of it, and gets the mean of all gradients.
Batch norm averages over all slices. So several processes train like one, within float error (except for the judge's
dropout).
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import reduce
from torch import Tensor, nn

from ..config import Training
from ..core.devices import has_bf16, pick_device
from ..core.errors import UserError


def make_accelerator(config: Training, tracker: str | None = None, folder: Path | None = None) -> Accelerator:
    """Create the accelerator for the device and precision of these settings.

    A CPU uses fp32 instead of fp16, and instead of bf16 if it doesn't support that.

    Args:
        config: The settings.
        tracker: "tensorboard" or "trackio".
        folder: Where the tracker logs.

    Raises:
        UserError: There is no such device or tracker.
    """
    device = pick_device(config.device)
    precision = config.precision
    if (precision == "bf16" and not has_bf16(device)) or (precision == "fp16" and device == "cpu"):
        precision = "fp32"
    if ":" in device:
        torch.cuda.set_device(device)
    if tracker and importlib.util.find_spec(tracker) is None:
        raise UserError(f"--tracker {tracker} needs that package: pip install {tracker}.")
    return Accelerator(
        cpu=device == "cpu", mixed_precision="no" if precision == "fp32" else precision, log_with=tracker,
        project_dir=folder,
    )  # fmt: skip


def local_slice(n: int, accelerator: Accelerator) -> slice:
    """This process's slice of a batch of n. Raises UserError if it can't be split evenly."""
    count = accelerator.num_processes
    if n % count:
        raise UserError(f"a batch of {n} can't be dealt out evenly to {count} processes. Use a multiple of {count}.")
    start = accelerator.process_index * (n // count)
    return slice(start, start + n // count)


def layout(net: nn.Module, device: torch.device | str) -> torch.memory_format:
    """Memory format of a network's weights and inputs: channels last, which is faster.

    On a CPU, networks whose first convolution has fewer than 16 channels stay contiguous: with channels last, oneDNN
    writes out of bounds there.
    """
    first = [m for m in net.modules() if isinstance(m, nn.Conv2d) and m.in_channels <= 4 and m.out_channels < 16]
    return torch.contiguous_format if first and torch.device(device).type == "cpu" else torch.channels_last


def prepare(net: nn.Module, accelerator: Accelerator, compiled: bool = False) -> nn.Module:
    """Move a network to the device in its memory format, with batch norm over all processes; compile it if asked to."""
    net = net.to(accelerator.device, memory_format=layout(net, accelerator.device))
    if accelerator.num_processes > 1:
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.__class__ = GlobalBatchNorm  # the same weights and buffers under the same names
    if compiled:
        net.compile()
    return net


def prepare_optimizer(optimizer: torch.optim.Optimizer, accelerator: Accelerator) -> torch.optim.Optimizer:
    """Wrap an optimizer for the loss scaling of fp16."""
    return accelerator.prepare_optimizer(optimizer, device_placement=False)


def adamw(net: nn.Module, lr: float, weight_decay: float, accelerator: Accelerator) -> torch.optim.Optimizer:
    """AdamW with weight decay on matrices and kernels, not on biases and norms."""
    decayed = [w for w in net.parameters() if w.ndim > 1]
    rest = [w for w in net.parameters() if w.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return prepare_optimizer(torch.optim.AdamW(groups, lr=lr), accelerator)


def optimizer_step(loss: Tensor, optimizer: torch.optim.Optimizer, accelerator: Accelerator, clip: float = 0.0) -> None:
    """Do one optimizer step on a loss; in several processes, on the mean of their losses."""
    optimizer.zero_grad()
    accelerator.backward(loss)
    weights = [w for group in optimizer.param_groups for w in group["params"] if w.grad is not None]
    if accelerator.num_processes > 1:
        flat = reduce(torch.cat([w.grad.flatten() for w in weights]), "mean")
        for w, grad in zip(weights, flat.split([w.numel() for w in weights])):
            w.grad = grad.view_as(w)
    if clip:
        accelerator.unscale_gradients(optimizer)
        nn.utils.clip_grad_norm_(weights, clip)
    optimizer.step()


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr


def means(scalars: Mapping[str, Tensor], accelerator: Accelerator) -> dict[str, float]:
    """Scalars on the device → numbers; in several processes, their means."""
    if not scalars:
        return {}
    values = torch.stack([torch.as_tensor(v, device=accelerator.device).float() for v in scalars.values()])
    if accelerator.num_processes > 1:
        values = reduce(values, "mean")
    return dict(zip(scalars, values.tolist()))


class _AllReduceSum(torch.autograd.Function):
    """Differentiable sum over all processes; torch's own changes its name between versions."""

    @staticmethod
    def forward(context: object, x: Tensor) -> Tensor:
        x = x.clone()
        torch.distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(context: object, grad: Tensor) -> Tensor:
        grad = grad.contiguous().clone()
        torch.distributed.all_reduce(grad)
        return grad


class GlobalBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm over the slices of all processes. torch's SyncBatchNorm does this on GPUs only."""

    def _check_input_dim(self, x: Tensor) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) → the same shape."""
        if not self.training:
            return super().forward(x)
        dims = [d for d in range(x.ndim) if d != 1]
        shape = [1, -1] + [1] * (x.ndim - 2)
        x = x.float()
        processes = torch.distributed.get_world_size()
        count = x.numel() // x.shape[1] * processes
        mean = _AllReduceSum.apply(x.sum(dims)) / count
        centred = x - mean.view(shape)
        variance = _AllReduceSum.apply(centred.square().sum(dims)) / count
        if self.track_running_stats:
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        y = centred * (variance + self.eps).rsqrt().view(shape)
        return y * self.weight.view(shape) + self.bias.view(shape) if self.affine else y


def known_mean(losses: Tensor, known: Tensor, accelerator: Accelerator) -> Tensor:
    """Mean of the losses with known labels over the whole batch, whose slices may have different numbers of them."""
    count = known.sum().float()
    if accelerator.num_processes > 1:
        count = reduce(count, "mean")
    return (losses * known).sum() / count.clamp_min(1)


def flat_cosine(step: int, steps: int, warm: int = 100, flat: float = 0.5, low: float = 0.02) -> float:
    """Learning rate factor: linear warm-up over `warm` steps, constant up to the share `flat`, cosine to `low`."""
    warmup = min(1.0, step / max(1, min(warm, steps // 10)))
    progress = max(0.0, (step / steps - flat) / (1 - flat))
    cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, progress))
    return warmup * (low + (1 - low) * cosine)


@torch.no_grad()
def update_ema(average: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Update the exponential moving average of a network's weights and buffers; faster in the first steps."""
    decay = min(decay, step / (step + 10))
    for mean, value in zip(average.state_dict().values(), net.state_dict().values()):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def states(owner: object, names: Iterable[str]) -> dict[str, dict]:
    """State dictionaries of an owner's modules and optimizers, by name."""
    return {name: getattr(owner, name).state_dict() for name in names}


def load_states(owner: object, state: Mapping[str, dict]) -> None:
    """The inverse of `states`."""
    for name, value in state.items():
        getattr(owner, name).load_state_dict(value)
