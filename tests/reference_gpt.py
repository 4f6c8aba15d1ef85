"""A GPT in NumPy and float64, written from the papers and from nothing else, to compare with.

Style "gpt2": learned positions, LayerNorm before each part, GELU in its tanh form, biases (Radford
et al. 2019). Style "llama": rotary positions, RMSNorm, SwiGLU, groups of queries that share a head
of keys and values, no biases (Touvron et al. 2023; Su et al. 2021; Shazeer 2020; Ainslie et al.
2023). Slow on purpose: one position and one head at a time, only over the keys that it may see, so
that there is no mask to get wrong.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

EPSILON = 1e-5
ROTARY_BASE = 10_000.0


@dataclass
class Reference:
    """A GPT by its weights.

    Attributes:
        style: "gpt2" or "llama".
        heads, kv_heads: of attention.
        weights: name to float64 array: "token_embedding/embeddings",
            "block_0/attention/query/kernel" (inputs, outputs), ...
        relu2: the MLP squares a ReLU, in place of the style's own activation.
    """

    style: str
    heads: int
    kv_heads: int
    weights: dict[str, np.ndarray] = field(repr=False)
    relu2: bool = False

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        """(batch, time) to (batch, time, vocab_size)."""
        return np.stack([self._sequence(row) for row in np.asarray(tokens)])

    def _sequence(self, tokens: np.ndarray) -> np.ndarray:
        x = self.weights["token_embedding/embeddings"][tokens]
        if self.style == "gpt2":
            x = x + self.weights["position_embedding/embeddings"][: len(tokens)]
        layers = {name.split("/")[0] for name in self.weights if name.startswith("block_")}
        for i in range(len(layers)):
            x = self.block(x, f"block_{i}/")
        x = self.norm(x, "final_norm/")
        if "output/kernel" in self.weights:
            return x @ self.weights["output/kernel"]
        return x @ self.weights["token_embedding/embeddings"].T

    def block(self, x: np.ndarray, at: str = "") -> np.ndarray:
        """(time, width) to the same shape; `at` begins the names of its weights."""
        x = x + self.attention(self.norm(x, at + "norm_1/"), at + "attention/")
        return x + self.mlp(self.norm(x, at + "norm_2/"), at + "mlp/")

    def norm(self, x: np.ndarray, at: str) -> np.ndarray:
        """LayerNorm, or RMSNorm, of each position."""
        if self.style == "llama":
            size = np.sqrt((x**2).mean(axis=1, keepdims=True) + EPSILON)
            return x / size * self.weights[at + "scale"]
        centred = x - x.mean(axis=1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + EPSILON)
        return centred / deviation * self.weights[at + "gamma"] + self.weights[at + "beta"]

    def linear(self, x: np.ndarray, at: str) -> np.ndarray:
        """x times a matrix, and in style "gpt2" a bias."""
        x = x @ self.weights[at + "kernel"]
        return x + self.weights[at + "bias"] if self.style == "gpt2" else x

    def attention(self, x: np.ndarray, at: str = "") -> np.ndarray:
        """Each position looks at itself and at those before it, with each head."""
        q, k, v = (self.linear(x, f"{at}{name}/") for name in ("query", "key", "value"))
        size = q.shape[1] // self.heads
        out = np.zeros_like(q)
        for head in range(self.heads):
            shared = head // (self.heads // self.kv_heads)  # which head of keys serves this one
            mine = slice(head * size, (head + 1) * size)
            theirs = slice(shared * size, (shared + 1) * size)
            keys = [self.turn(k[i, theirs], i) for i in range(len(x))]
            for t in range(len(x)):
                query = self.turn(q[t, mine], t)
                scores = np.array([query @ key for key in keys[: t + 1]]) / np.sqrt(size)
                shares = np.exp(scores - scores.max())
                out[t, mine] = (shares / shares.sum()) @ v[: t + 1, theirs]
        return self.linear(out, f"{at}output/")

    def turn(self, vector: np.ndarray, position: int) -> np.ndarray:
        """In style "llama", features i and i + half as a complex number, turned by its angle."""
        if self.style == "gpt2":
            return vector
        half = len(vector) // 2
        angles = position * ROTARY_BASE ** (-2 * np.arange(half) / len(vector))
        turned = (vector[:half] + 1j * vector[half:]) * np.exp(1j * angles)
        return np.concatenate([turned.real, turned.imag])

    def mlp(self, x: np.ndarray, at: str = "") -> np.ndarray:
        """Each position by itself."""
        up = self.linear(x, at + "up/")
        if self.relu2:
            up = np.maximum(up, 0) ** 2
        elif self.style == "llama":
            gate = self.linear(x, at + "gate/")
            up = gate / (1 + np.exp(-gate)) * up
        else:
            up = up / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3)))
        return self.linear(up, at + "down/")


def of(model: object) -> Reference:
    """The reference with the weights of a `helpers.gpt.GPT`, by the paths of its variables."""
    weights = {
        variable.path.split("/", 1)[1]: np.array(variable.numpy(), "float64")
        for variable in model.weights
    }
    config = model.config
    return Reference(
        config.style, config.num_heads, config.num_kv_heads, weights, config.activation == "relu2"
    )


def fill(model: object, seed: int = 0) -> object:
    """Give every weight numbers large enough that a mistake shows; returns the model.

    The starting weights would hide one: biases of zero, scales of one, attention nearly uniform.
    They are the same on every backend, whatever the order of the variables.
    """
    for variable in model.weights:
        shape, name = tuple(variable.shape), variable.path.split("/", 1)[1]
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        kind = name.rsplit("/", 1)[1]
        spread = {"kernel": 1.3 / np.sqrt(shape[0]), "embeddings": 0.7}.get(kind, 0.3)
        middle = 1.0 if kind in ("gamma", "scale") else 0.0
        variable.assign(random.normal(middle, spread, shape).astype("float32"))
    return model
