"""The other side of the comparisons: a small GPT and its training loop in plain PyTorch.

As small GPTs are usually trained: one module, fused scaled dot-product attention, AdamW in its fused
form, batches cut from one tensor of tokens, float32, no torch.compile. Needs `tests/backends.txt`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Attention, then an MLP, each normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, width) to the same shape."""
        batch, time_, width = x.shape
        parts = self.qkv(self.norm_1(x)).split(width, dim=2)
        q, k, v = (p.view(batch, time_, self.heads, -1).transpose(1, 2) for p in parts)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, time_, width))
        return x + self.down(functional.gelu(self.up(self.norm_2(x)), approximate="tanh"))


class GPT(nn.Module):
    """Style "gpt2", output tied to the embedding."""

    def __init__(self, vocab: int, context: int, layers: int, heads: int, width: int) -> None:
        super().__init__()
        self.context = context
        self.tokens, self.positions = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocab, bias=False)
        self.head.weight = self.tokens.weight
        for name, weight in self.named_parameters():
            deep = name.endswith(("out.weight", "down.weight"))
            if weight.ndim == 2:
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * layers) if deep else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, time) to logits (batch, time, vocab)."""
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def loss_of(model: GPT, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the targets, in nats."""
    logits = model(x)
    return functional.cross_entropy(logits.view(-1, logits.shape[-1]), y.reshape(-1))


def steps(
    model: GPT, text: np.ndarray, batch: int, rate: Callable[[int], float], clip: float = 0.0
) -> Iterator[int]:
    """Train, a step each time it is asked; yields the number of steps made.

    Args:
        model: the GPT.
        text: all tokens, (length,).
        batch: windows a step.
        rate: the learning rate, of the number of steps made.
        clip: largest norm of the gradients; 0 for none.
    """
    tokens = torch.from_numpy(text.astype("int64"))
    decayed = [p for p in model.parameters() if p.ndim == 2]
    rest = [p for p in model.parameters() if p.ndim != 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
    number, length = 0, model.context
    while True:
        for group in optimizer.param_groups:
            group["lr"] = rate(number)
        starts = torch.randint(len(tokens) - length, (batch,)).tolist()
        x = torch.stack([tokens[i : i + length] for i in starts])
        y = torch.stack([tokens[i + 1 : i + 1 + length] for i in starts])
        loss_of(model, x, y).backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        number += 1
        yield number


def tokens_per_second(shape: dict, text: np.ndarray, seconds: float, batch: int) -> float:
    """Trained tokens a second, after a warm-up of ten steps."""
    model = GPT(**shape)
    training = steps(model, text, batch, lambda number: 1e-3)
    for _ in range(10):
        next(training)
    started, made = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        next(training)
        made += 1
    return made * batch * shape["context"] / (time.perf_counter() - started)


def held_out_nats(model: GPT, windows: np.ndarray) -> float:
    """Mean cross-entropy of windows (N, context + 1)."""
    total = 0.0
    with torch.no_grad():
        for part in np.array_split(windows, math.ceil(len(windows) / 64)):
            part = torch.from_numpy(part.astype("int64"))
            total += float(loss_of(model, part[:, :-1], part[:, 1:])) * len(part)
    return total / len(windows)
