"""The paper's losses (Sec. 4, equations 3-7). All arguments are batches, all results are scalars."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

FROM_S, FROM_T, REAL = 0, 1, -1
"""The classes of the ternary discriminator: G(s), G(t) and a real t (the paper's 1, 2 and 3). The last class is the
real one of the binary discriminator too, which doesn't know G(t) (the baseline of Sec. 3)."""


class DiscriminatorLoss(NamedTuple):
    """L_D and its terms.

    Attributes:
        total: L_D, the sum of from_s, from_t and real.
        accuracy: Mean accuracy over the classes; chance is 1/3, or 1/2 for the binary D.
        from_s: Term of G(s).
        from_t: Term of G(t); None for the binary D.
        real: Term of real t.
    """

    total: Tensor
    accuracy: Tensor
    from_s: Tensor
    from_t: Tensor | None
    real: Tensor


class GeneratorLoss(NamedTuple):
    """L_G (total) and its unweighted terms."""

    total: Tensor
    gang: Tensor
    const: Tensor
    tid: Tensor
    tv: Tensor
    tie: Tensor | None = None


def log_d(logits: Tensor, kind: int) -> Tensor:
    """E log D_kind: (B, classes) logits → the mean log probability of a class."""
    return F.log_softmax(logits.float(), 1)[:, kind].mean()


def discriminator(from_s: Tensor, from_t: Tensor | None, real: Tensor) -> DiscriminatorLoss:
    """L_D = −E_s log D1(G(s)) − E_t log D2(G(t)) − E_t log D3(t)   (eq. 3); arguments are D's (B, 3) logits.

    Without from_t the binary one of the baseline: −E_s log(1 − D(G(s))) − E_t log D(t), from (B, 2) logits.
    """
    batches = [(from_s, FROM_S), (real, REAL)]
    if from_t is not None:
        batches.append((from_t, FROM_T))
    accuracies = [(logits.argmax(1) == kind % logits.shape[1]).float().mean() for logits, kind in batches]
    terms = [-log_d(logits, kind) for logits, kind in batches]
    return DiscriminatorLoss(
        total=sum(terms),
        accuracy=torch.stack(accuracies).mean(),
        from_s=terms[0],
        from_t=terms[2] if from_t is not None else None,
        real=terms[1],
    )


def gang(from_s: Tensor, from_t: Tensor | None) -> Tensor:
    """L_GANG = −E_s log D3(G(s)) − E_t log D3(G(t))   (eq. 4); arguments are D's (B, 3) logits.

    Without from_t the baseline's R_GAN: −E_s log D(G(s)), from (B, 2) logits.
    """
    loss = -log_d(from_s, REAL)
    return loss if from_t is None else loss - log_d(from_t, REAL)


def const(f_s: Tensor, f_g_s: Tensor) -> Tensor:
    """L_CONST = E_s d(f(s), f(G(s)))   (eq. 5), d the mean square; (B, dim) standardised features."""
    return F.mse_loss(f_g_s.float(), f_s.float())


def tid(t: Tensor, g_t: Tensor, absolute: float = 0.0) -> Tensor:
    """L_TID = E_t d2(t, G(t))   (eq. 6), d2 the mean square, and so much of the absolute error; pictures in [-1, 1]."""
    squared = F.mse_loss(g_t.float(), t.float())
    return squared + absolute * F.l1_loss(g_t.float(), t.float()) if absolute else squared


def tv(z: Tensor) -> Tensor:
    """L_TV = Σ ((z_{i,j+1} − z_{ij})² + (z_{i+1,j} − z_{ij})²)^{B/2}, B = 1   (eq. 7), as a mean over pixels.

    (B, C, H, W) pictures. The small constant keeps the root differentiable where a picture is flat.
    """
    z = z.float()
    dx = z[..., :-1, 1:] - z[..., :-1, :-1]
    dy = z[..., 1:, :-1] - z[..., :-1, :-1]
    return (dx.square() + dy.square() + 1e-8).sqrt().mean()


def avatar_loss(g_s: Tensor, drawn: Tensor, absolute: float = 0.0) -> Tensor:
    """L_c = E_s ‖G(s) − R(c(f(s)))‖²: the painted picture against what the artist's engine draws of the same person
    (Wolf, Taigman, Polyak, ICCV 2017, where c reads G(s)); pictures in [-1, 1]. absolute: see `tid`."""
    return tid(drawn, g_s, absolute)


def generator(
    gang: Tensor,
    const: Tensor,
    tid: Tensor,
    tv: Tensor,
    alpha: float,
    beta: float,
    gamma: float,
    delta: float = 1,
    tie: Tensor | None = None,
    tied: float = 0,
) -> GeneratorLoss:
    """L_G = δ L_GANG + α L_CONST + β L_TID + γ L_TV (Sec. 4; the paper has δ = 1), and tied × L_c where g is tied."""
    total = delta * gang + alpha * const + beta * tid + gamma * tv
    if tie is not None:
        total = total + tied * tie
    return GeneratorLoss(total=total, gang=gang, const=const, tid=tid, tv=tv, tie=tie)
