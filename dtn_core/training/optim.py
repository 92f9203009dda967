"""What stages share: one optimizer step, on one device or spread over several processes by accelerate.

Every process makes the same batch of (seed, step), works on its own part of it, and gets the mean of all gradients.
Batch norm counts over all parts. So a training over several processes is the training of one, within float
error (but for the judge's dropout).
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
    """accelerate's hold on the device of these settings. On a CPU that has no bf16 of its own, and in fp16 on any
    CPU, fp32 is used. tracker: "tensorboard" or "trackio", whose logs go into the folder. Raises UserError if there is
    no such device or tracker."""
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
    """This process's part of a batch of n. Raises UserError if it can't be dealt out evenly."""
    count = accelerator.num_processes
    if n % count:
        raise UserError(f"a batch of {n} can't be dealt out evenly to {count} processes. Use a multiple of {count}.")
    return slice(accelerator.process_index * (n // count), (accelerator.process_index + 1) * (n // count))


def layout(net: nn.Module, device: torch.device | str) -> torch.memory_format:
    """The order of a network's weights and of what it is given: channels last, which is faster; but on a CPU, where
    oneDNN then writes beyond its memory in a first convolution of fewer than 16 channels, as they come."""
    first = [m for m in net.modules() if isinstance(m, nn.Conv2d) and m.in_channels <= 4 and m.out_channels < 16]
    return torch.contiguous_format if first and torch.device(device).type == "cpu" else torch.channels_last


def prepare(net: nn.Module, accelerator: Accelerator, compiled: bool = False) -> nn.Module:
    """Onto the device, in the layout and with the batch norm that training wants; compiled where asked for."""
    net = net.to(accelerator.device, memory_format=layout(net, accelerator.device))
    if accelerator.num_processes > 1:
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.__class__ = GlobalBatchNorm  # the same weights and buffers under the same names
    if compiled:
        net.compile()
    return net


def prepare_optimizer(optimizer: torch.optim.Optimizer, accelerator: Accelerator) -> torch.optim.Optimizer:
    """An optimizer that knows of fp16's loss scaling."""
    return accelerator.prepare_optimizer(optimizer, device_placement=False)


def adamw(net: nn.Module, lr: float, weight_decay: float, accelerator: Accelerator) -> torch.optim.Optimizer:
    """AdamW that decays matrices and kernels, not biases and norms."""
    decayed = [w for w in net.parameters() if w.ndim > 1]
    rest = [w for w in net.parameters() if w.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return prepare_optimizer(torch.optim.AdamW(groups, lr=lr), accelerator)


def optimizer_step(loss: Tensor, optimizer: torch.optim.Optimizer, accelerator: Accelerator, clip: float = 0.0) -> None:
    """One step down the gradient of a loss; in several processes, of the mean of their losses."""
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
    """Scalars on the device → numbers; in several processes the mean of theirs."""
    if not scalars:
        return {}
    values = torch.stack([torch.as_tensor(v, device=accelerator.device).float() for v in scalars.values()])
    if accelerator.num_processes > 1:
        values = reduce(values, "mean")
    return dict(zip(scalars, values.tolist()))


class _Summed(torch.autograd.Function):
    """The sum over all processes; torch's own differentiable one changes its name between versions."""

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
    """Batch norm over the parts of all processes. torch's SyncBatchNorm does this on GPUs alone."""

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
        mean = _Summed.apply(x.sum(dims)) / count
        spread = x - mean.view(shape)
        variance = _Summed.apply(spread.square().sum(dims)) / count
        if self.track_running_stats:
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        y = spread * (variance + self.eps).rsqrt().view(shape)
        return y * self.weight.view(shape) + self.bias.view(shape) if self.affine else y


def known_mean(losses: Tensor, known: Tensor, accelerator: Accelerator) -> Tensor:
    """The mean of those losses that count, over the whole batch: its parts may hold unequal numbers of them."""
    count = known.sum().float()
    if accelerator.num_processes > 1:
        count = reduce(count, "mean")
    return (losses * known).sum() / count.clamp_min(1)


def flat_cosine(step: int, steps: int, warm: int = 100, flat: float = 0.5, low: float = 0.02) -> float:
    """A factor for the learning rate: up over `warm` steps, flat, then down a cosine to `low`."""
    start = min(1.0, step / max(1, min(warm, steps // 10)))
    x = max(0.0, (step / steps - flat) / (1 - flat))
    return start * (low + (1 - low) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, x))))


@torch.no_grad()
def update_ema(kept: nn.Module, new: nn.Module, decay: float, step: int) -> None:
    """Move a running average of weights and buffers towards `new`; faster in the first steps."""
    decay = min(decay, step / (step + 10))
    for old, now in zip(kept.state_dict().values(), new.state_dict().values()):
        if old.is_floating_point():
            old.lerp_(now, 1 - decay)
        else:
            old.copy_(now)


def states(owner: object, names: Iterable[str]) -> dict[str, dict]:
    """State dictionaries of an owner's modules and optimizers, by name."""
    return {name: getattr(owner, name).state_dict() for name in names}


def load_states(owner: object, state: Mapping[str, dict]) -> None:
    """The inverse of `states`."""
    for name, value in state.items():
        getattr(owner, name).load_state_dict(value)
