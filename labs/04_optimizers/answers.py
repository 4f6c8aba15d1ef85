"""Answers to lab 4 that a check must reject with the right hint, or accept.

Among the wrong ones are the broken loops themselves and repairs that stop half-way.
"""

import numpy as np

from tests.answers import right, wrong

# --- mini_batches


def trained(x, y, w, learning_rate, batches):
    """A step for each (rows of x, rows of y, divisor)."""
    w = w.copy()
    for rows, labels, divisor in batches:
        w -= learning_rate * 2 * x[rows].T @ (x[rows] @ w - y[labels]) / divisor
    return w


def cut(order, size):
    return [order[s : s + size] for s in range(0, len(order), size)]


@right("mini_batches")
def by_rows(x, y, w, learning_rate, batch_size, orders):
    batches = [b for order in orders for b in cut(order, batch_size)]
    return trained(x, y, w, learning_rate, [(b, b, len(b)) for b in batches])


@right("mini_batches")
def example_by_example(x, y, w, learning_rate, batch_size, orders):
    for order in orders:
        for start in range(0, len(x), batch_size):
            gradients = [2 * (x[i] @ w - y[i]) * x[i] for i in order[start : start + batch_size]]
            w = w - learning_rate * np.mean(gradients, axis=0)
    return list(w)


@wrong("mini_batches", "apart")
def broken_one(x, y, w, learning_rate, batch_size, orders):
    for order in orders:
        shuffled = x[order]
        for start in range(0, len(x), batch_size):
            x_batch = shuffled[start : start + batch_size]
            y_batch = y[start : start + batch_size]
            error = x_batch @ w - y_batch
            w = w - learning_rate * 2 * x_batch.T @ error / batch_size
    return w


@wrong("mini_batches", "apart")
def still_apart(x, y, w, learning_rate, batch_size, orders):
    pairs = [
        (rows, labels, len(rows))
        for order in orders
        for rows, labels in zip(
            cut(order, batch_size), cut(np.arange(len(x)), batch_size), strict=True
        )
    ]
    return trained(x, y, w, learning_rate, pairs)


@wrong("mini_batches", "apart")
def targets_only(x, y, w, learning_rate, batch_size, orders):
    pairs = [
        (rows, labels, len(rows))
        for order in orders
        for labels, rows in zip(
            cut(order, batch_size), cut(np.arange(len(x)), batch_size), strict=True
        )
    ]
    return trained(x, y, w, learning_rate, pairs)


@wrong("mini_batches", "last")
def divided_by_batch_size(x, y, w, learning_rate, batch_size, orders):
    batches = [b for order in orders for b in cut(order, batch_size)]
    return trained(x, y, w, learning_rate, [(b, b, batch_size) for b in batches])


@wrong("mini_batches", "summed")
def not_divided(x, y, w, learning_rate, batch_size, orders):
    batches = [b for order in orders for b in cut(order, batch_size)]
    return trained(x, y, w, learning_rate, [(b, b, 1) for b in batches])


@wrong("mini_batches", "again")
def shuffled_again(x, y, w, learning_rate, batch_size, orders):
    for order in orders:
        x, y = x[order], y[order]
        w = by_rows(x, y, w, learning_rate, batch_size, [np.arange(len(x))])
    return w


@wrong("mini_batches", "unused")
def not_shuffled(x, y, w, learning_rate, batch_size, orders):
    return by_rows(x, y, w, learning_rate, batch_size, [np.arange(len(x))] * len(orders))


@wrong("mini_batches", "dropped")
def full_batches_only(x, y, w, learning_rate, batch_size, orders):
    batches = [b for order in orders for b in cut(order, batch_size) if len(b) == batch_size]
    return trained(x, y, w, learning_rate, [(b, b, len(b)) for b in batches])


@wrong("mini_batches", "changed")
def in_the_callers_array(x, y, w, learning_rate, batch_size, orders):
    w -= 0.1
    return w


# --- accumulated


def gradient_of_batch(w, x, y):
    return x.T @ (1 / (1 + np.exp(-(x @ w))) - y) / len(y)


@right("accumulated")
def as_one_large_batch(w, batches, every, learning_rate):
    for start in range(0, len(batches), every):
        xs, ys = zip(*batches[start : start + every], strict=True)
        w = w - learning_rate * gradient_of_batch(w, np.concatenate(xs), np.concatenate(ys))
    return w


@right("accumulated")
def mean_of_a_list(w, batches, every, learning_rate):
    found = []
    for x, y in batches:
        found.append(gradient_of_batch(w, x, y))
        if len(found) == every:
            w, found = w - learning_rate * np.mean(found, axis=0), []
    return w


def accumulate(w, batches, every, learning_rate, zero=True, divide=True, off=1, lose=False):
    total = np.zeros_like(w)
    for i, (x, y) in enumerate(batches):
        total = gradient_of_batch(w, x, y) + (0 if lose else total)
        if (i + off) % every == 0:
            w = w - learning_rate * total / (every if divide else 1)
            total = np.zeros_like(w) if zero else total
    return w


@wrong("accumulated", "kept")
def broken_two(w, batches, every, learning_rate):
    return accumulate(w, batches, every, learning_rate, zero=False, divide=False)


@wrong("accumulated", "kept")
def divided_and_kept(w, batches, every, learning_rate):
    return accumulate(w, batches, every, learning_rate, zero=False)


@wrong("accumulated", "summed")
def zeroed_and_summed(w, batches, every, learning_rate):
    return accumulate(w, batches, every, learning_rate, divide=False)


@wrong("accumulated", "lost")
def the_last_only(w, batches, every, learning_rate):
    return accumulate(w, batches, every, learning_rate, lose=True)


@wrong("accumulated", "early")
def after_the_first(w, batches, every, learning_rate):
    return accumulate(w, batches, every, learning_rate, off=0)


@wrong("accumulated", "each")
def a_step_for_each(w, batches, every, learning_rate):
    for x, y in batches:
        w = w - learning_rate * gradient_of_batch(w, x, y) / every
    return w


@wrong("accumulated", "changed")
def on_the_callers_weights(w, batches, every, learning_rate):
    for x, y in batches:
        w -= learning_rate * gradient_of_batch(w, x, y) / every
    return w


# --- adamw


def adam(w, gradient, n, rate, decay, b1, b2, eps, correct="yes", where="apart", inside=False):
    m = v = np.zeros_like(w)
    for t in range(1, n + 1):
        g = gradient(w) + (decay * w if where == "gradient" else 0)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        p = {"yes": t, "first": 1, "next": t + 1, "spoil": t}.get(correct)
        mh, vh = (m / (1 - b1**p), v / (1 - b2**p)) if p else (m, v)
        if correct == "spoil":
            m, v = mh, vh
        step = mh / (np.sqrt(vh + eps) if inside else np.sqrt(vh) + eps)
        shrink = {"apart": rate, "bare": 1}.get(where, 0) * decay * w
        w = w - rate * step - shrink
    return w


@right("adamw")
def shrunk_first(w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    m, v = 0, 0
    for t in range(num_steps):
        g = gradient(w)
        w = w * (1 - learning_rate * weight_decay)
        m, v = m + (1 - beta_1) * (g - m), v + (1 - beta_2) * (g * g - v)
        m_hat, v_hat = m / (1 - beta_1 ** (t + 1)), v / (1 - beta_2 ** (t + 1))
        w = w - learning_rate * m_hat / (v_hat**0.5 + epsilon)
    return w


@right("adamw")
def number_by_number(w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    w, m, v = list(w), [0.0] * len(w), [0.0] * len(w)
    for t in range(1, num_steps + 1):
        for i, g in enumerate(gradient(np.array(w))):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            step = m[i] / (1 - beta_1**t) / ((v[i] / (1 - beta_2**t)) ** 0.5 + epsilon)
            w[i] -= learning_rate * (step + weight_decay * w[i])
    return w


@wrong("adamw", "spoiled")
def broken_three(w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, num_steps + 1):
        grad = gradient(w) + weight_decay * w
        m = beta_1 * m + (1 - beta_1) * grad
        v = beta_2 * v + (1 - beta_2) * grad**2
        m, v = m / (1 - beta_1**t), v / (1 - beta_2**t)
        w = w - learning_rate * m / (np.sqrt(v) + epsilon)
    return w


@wrong("adamw", "spoiled")
def decay_mended(w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    rest = (num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon)
    return adam(w, gradient, *rest, correct="spoil")


@wrong("adamw", "coupled")
def correction_mended(w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    rest = (num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon)
    return adam(w, gradient, *rest, where="gradient")


@wrong("adamw", "twice")
def decay_in_both_places(
    w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon
):
    rest = (num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon)
    return adam(w, lambda u: gradient(u) + weight_decay * u, *rest)


@wrong("adamw", "moved")
def gradient_after_the_decay(
    w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon
):
    m = v = np.zeros_like(w)
    for t in range(1, num_steps + 1):
        w = w * (1 - learning_rate * weight_decay)
        g = gradient(w)
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        w = w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return w


@wrong("adamw", "uncorrected")
def correction_removed(
    w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon
):
    rest = (num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon)
    return adam(w, gradient, *rest, correct="no")


@wrong("adamw", "counted")
def same_correction_always(
    w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon
):
    rest = (num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon)
    return adam(w, gradient, *rest, correct="first")


@wrong("adamw", "counted")
def counted_too_far(w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    rest = (num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon)
    return adam(w, gradient, *rest, correct="next")


@wrong("adamw", "undamped")
def decay_without_rate(
    w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon
):
    rest = (num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon)
    return adam(w, gradient, *rest, where="bare")


@wrong("adamw", "undamped")
def decay_removed(w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    rest = (num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon)
    return adam(w, gradient, *rest, where="nowhere")


@wrong("adamw", "inside")
def epsilon_beside_the_uncorrected(
    w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon
):
    m = v = np.zeros_like(w)
    for t in range(1, num_steps + 1):
        g = gradient(w)
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w = w * (1 - learning_rate * weight_decay) - rate * m / (np.sqrt(v) + epsilon)
    return w


@wrong("adamw", "inside")
def epsilon_inside(w, gradient, num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon):
    rest = (num_steps, learning_rate, weight_decay, beta_1, beta_2, epsilon)
    return adam(w, gradient, *rest, inside=True)


# --- scheduled


def following(w, gradient, rates):
    for rate in rates:
        w = w - rate * gradient(w)
    return w, rates


@right("scheduled")
def all_rates_first(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    total = num_epochs * steps_per_epoch
    t = np.arange(1, total + 1)
    part = (t - warmup_steps) / (total - warmup_steps)
    fall = final + (peak - final) * 0.5 * (1 + np.cos(np.pi * part))
    return following(
        w, gradient, np.where(t <= warmup_steps, peak * t / max(warmup_steps, 1), fall)
    )


@right("scheduled")
def epoch_by_epoch(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    rates, rest = [], num_epochs * steps_per_epoch - warmup_steps
    for epoch in range(num_epochs):
        for i in range(steps_per_epoch):
            t = epoch * steps_per_epoch + i + 1
            if t < warmup_steps:
                rate = t * peak / warmup_steps
            else:
                cosine = np.cos(np.pi * (t - warmup_steps) / rest)
                rate = (peak + final) / 2 + (peak - final) / 2 * cosine
            w = w - rate * gradient(w)
            rates.append(float(rate))
    return [w, rates]


def rates_of(n, per, peak, final, warmup, off=1, low=None, span=None):
    low, rates = final if low is None else low, []
    for t in range(off, n * per + off):
        if t <= warmup and warmup:
            rates.append(peak * t / warmup)
        else:
            part = (t - warmup) / (n * per - warmup) if span is None else t / span
            rates.append(low + (peak - low) * (1 + np.cos(np.pi * part)) / 2)
    return rates


@wrong("scheduled", "epochs")
def broken_four(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    rates, total = [], num_epochs * steps_per_epoch
    for epoch in range(num_epochs):
        for _ in range(steps_per_epoch):
            if epoch < warmup_steps:
                rate = peak * epoch / warmup_steps
            else:
                part = (epoch - warmup_steps) / total
                rate = final + (peak - final) * (1 + np.cos(np.pi * part)) / 2
            w = w - rate * gradient(w)
            rates.append(rate)
    return w, rates


@wrong("scheduled", "epochs")
def warm_up_in_epochs(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    warm, rates, total = warmup_steps * steps_per_epoch, [], num_epochs * steps_per_epoch
    for t in range(1, total + 1):
        part = (t - warm) / max(total - warm, 1)
        fall = final + (peak - final) * (1 + np.cos(np.pi * part)) / 2
        rates.append(peak * t / warm if t <= warm else fall)
    return following(w, gradient, rates)


@wrong("scheduled", "start")
def counted_from_zero(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    return following(
        w, gradient, rates_of(num_epochs, steps_per_epoch, peak, final, warmup_steps, off=0)
    )


@wrong("scheduled", "start")
def from_zero_to_the_end(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    rates, total = [], num_epochs * steps_per_epoch
    for t in range(total):
        part = (t - warmup_steps) / (total - 1 - warmup_steps)
        fall = final + (peak - final) * (1 + np.cos(np.pi * part)) / 2
        rates.append(peak * t / warmup_steps if t < warmup_steps else fall)
    return following(w, gradient, rates)


@wrong("scheduled", "linear")
def in_a_straight_line(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    rates, total = [], num_epochs * steps_per_epoch
    for t in range(1, total + 1):
        fall = peak + (final - peak) * (t - warmup_steps) / (total - warmup_steps)
        rates.append(peak * t / warmup_steps if t <= warmup_steps else fall)
    return following(w, gradient, rates)


@wrong("scheduled", "again")
def anew_each_epoch(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    rates = num_epochs * rates_of(1, steps_per_epoch, peak, final, warmup_steps)
    return following(w, gradient, rates)


@wrong("scheduled", "span")
def over_all_steps(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    total = num_epochs * steps_per_epoch
    return following(
        w,
        gradient,
        rates_of(num_epochs, steps_per_epoch, peak, final, warmup_steps, span=total),
    )


@wrong("scheduled", "span")
def of_all_steps(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    rates, total = [], num_epochs * steps_per_epoch
    for t in range(1, total + 1):
        part = (t - warmup_steps) / total
        fall = final + (peak - final) * (1 + np.cos(np.pi * part)) / 2
        rates.append(peak * t / warmup_steps if t <= warmup_steps else fall)
    return following(w, gradient, rates)


@wrong("scheduled", "floor")
def down_to_zero(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    return following(
        w, gradient, rates_of(num_epochs, steps_per_epoch, peak, final, warmup_steps, low=0.0)
    )


@wrong("scheduled", "steps")
def gradient_of_the_start(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    rates = rates_of(num_epochs, steps_per_epoch, peak, final, warmup_steps)
    return w - np.sum(rates) * gradient(w), rates


@wrong("scheduled", "type")
def weights_only(w, gradient, num_epochs, steps_per_epoch, peak, final, warmup_steps):
    rates = rates_of(num_epochs, steps_per_epoch, peak, final, warmup_steps)
    return following(w, gradient, rates)[0]


# --- clipped


@right("clipped")
def as_one_long_list(params, gradients, num_steps, learning_rate, momentum, max_norm):
    w, velocity = np.stack(params), 0.0
    for _ in range(num_steps):
        g = np.stack(gradients(list(w)))
        norm = np.linalg.norm(g.ravel())
        if norm > max_norm:
            g = g / norm * max_norm
        velocity = momentum * velocity + g
        w = w - learning_rate * velocity
    return w


def moving(params, gradients, n, rate, momentum, clip, shared=False):
    params = [p.copy() for p in params]
    velocity = [np.zeros_like(p) for p in params]
    if shared:
        velocity = [np.zeros_like(params[0])] * len(params)
    for _ in range(n):
        for i, g in enumerate(clip(gradients(params))):
            velocity[i] *= momentum
            velocity[i] += g
            params[i] = params[i] - rate * velocity[i]
    return params


def by_global_norm(max_norm):
    def clip(grads):
        norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads]))
        return [g * max_norm / norm for g in grads] if norm > max_norm else grads

    return clip


@wrong("clipped", "changed")
def in_the_callers_arrays(params, gradients, num_steps, learning_rate, momentum, max_norm):
    clip = by_global_norm(max_norm)
    velocity = [np.zeros_like(p) for p in params]
    for _ in range(num_steps):
        for p, v, g in zip(params, velocity, clip(gradients(params)), strict=True):
            v[...] = momentum * v + g
            p -= learning_rate * v
    return params


@right("clipped")
def in_place_on_copies(params, gradients, num_steps, learning_rate, momentum, max_norm):
    rest = (num_steps, learning_rate, momentum, by_global_norm(max_norm))
    return tuple(moving(params, gradients, *rest))


@wrong("clipped", "element")
def broken_five(params, gradients, num_steps, learning_rate, momentum, max_norm):
    params = list(params)
    velocity = [np.zeros_like(params[0])] * len(params)
    for _ in range(num_steps):
        grads = [np.clip(g, -max_norm, max_norm) for g in gradients(params)]
        for i, grad in enumerate(grads):
            velocity[i] *= momentum
            velocity[i] += grad
            params[i] = params[i] - learning_rate * velocity[i]
    return params


@wrong("clipped", "element")
def velocity_mended(params, gradients, num_steps, learning_rate, momentum, max_norm):
    def clip(grads):
        return [np.clip(g, -max_norm, max_norm) for g in grads]

    return moving(params, gradients, num_steps, learning_rate, momentum, clip)


@wrong("clipped", "shared")
def clip_mended(params, gradients, num_steps, learning_rate, momentum, max_norm):
    rest = (num_steps, learning_rate, momentum, by_global_norm(max_norm))
    return moving(params, gradients, *rest, shared=True)


@wrong("clipped", "array")
def each_array(params, gradients, num_steps, learning_rate, momentum, max_norm):
    def clip(grads):
        return [g * min(1, max_norm / max(np.linalg.norm(g), 1e-12)) for g in grads]

    return moving(params, gradients, num_steps, learning_rate, momentum, clip)


@wrong("clipped", "always")
def always_that_long(params, gradients, num_steps, learning_rate, momentum, max_norm):
    def clip(grads):
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        return [g * max_norm / max(norm, 1e-12) for g in grads]

    return moving(params, gradients, num_steps, learning_rate, momentum, clip)


@wrong("clipped", "nan")
def divided_by_zero(params, gradients, num_steps, learning_rate, momentum, max_norm):
    def clip(grads):
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        return [g * np.minimum(1, np.float64(max_norm) / norm) * (norm / norm) for g in grads]

    return moving(params, gradients, num_steps, learning_rate, momentum, clip)


@wrong("clipped", "unclipped")
def not_at_all(params, gradients, num_steps, learning_rate, momentum, max_norm):
    return moving(params, gradients, num_steps, learning_rate, momentum, lambda grads: grads)


@wrong("clipped", "unclipped")
def root_forgotten(params, gradients, num_steps, learning_rate, momentum, max_norm):
    def clip(grads):
        norm = sum((g**2).sum() for g in grads)
        return [g * min(1, max_norm / max(norm, 1e-12)) for g in grads]

    return moving(params, gradients, num_steps, learning_rate, momentum, clip)


@wrong("clipped", "late")
def velocity_clipped(params, gradients, num_steps, learning_rate, momentum, max_norm):
    velocity, clip = [np.zeros_like(p) for p in params], by_global_norm(max_norm)
    for _ in range(num_steps):
        velocity = [momentum * v + g for v, g in zip(velocity, gradients(params), strict=True)]
        params = [p - learning_rate * v for p, v in zip(params, clip(velocity), strict=True)]
    return params


# --- minimize


@right("minimize")
def momentum_looking_ahead(loss_and_gradient, start, budget):
    w, velocity = start, np.zeros_like(start)
    for _ in range(budget):
        velocity = 0.95 * velocity - 0.3 * loss_and_gradient(w + 0.95 * velocity)[1]
        w = w + velocity
    return w


@right("minimize")
def with_few_remembered_steps(loss_and_gradient, start, budget):
    """L-BFGS: the curvature from the last ten steps."""
    w, (loss, grad), used, memory = start, loss_and_gradient(start), 1, []
    while used < budget:
        direction, factors = grad.copy(), []
        for s, y in reversed(memory):
            factors.append(s @ direction / (s @ y))
            direction = direction - factors[-1] * y
        s, y = memory[-1] if memory else (grad, grad * np.linalg.norm(grad))
        direction = direction * (s @ y) / (y @ y)
        for (s, y), factor in zip(memory, reversed(factors), strict=True):
            direction = direction + s * (factor - y @ direction / (s @ y))
        size = 1.0
        while used < budget:
            new = w - size * direction
            new_loss, new_grad = loss_and_gradient(new)
            used += 1
            if new_loss < loss:
                break
            size /= 2
        if new_loss < loss:
            if (new - w) @ (new_grad - grad) > 1e-14:
                memory = [*memory[-9:], (new - w, new_grad - grad)]
            w, loss, grad = new, new_loss, new_grad
    return w


@wrong("minimize", "near")
def a_little_momentum(loss_and_gradient, start, budget):
    w, velocity = start, np.zeros_like(start)
    for _ in range(budget):
        velocity = 0.7 * velocity - 0.2 * loss_and_gradient(w)[1]
        w = w + velocity
    return w


@wrong("minimize", "plain")
def a_small_rate(loss_and_gradient, start, budget):
    w = start
    for _ in range(budget):
        w = w - 0.1 * loss_and_gradient(w)[1]
    return w


@wrong("minimize", "away")
def much_too_fast(loss_and_gradient, start, budget):
    w = start
    for _ in range(budget):
        w = w - 300 * loss_and_gradient(w)[1]
    return w


@wrong("minimize", "budget")
def twice_as_long(loss_and_gradient, start, budget):
    w = start
    for _ in range(2 * budget):
        w = w - 0.1 * loss_and_gradient(w)[1]
    return w


@wrong("minimize", "still")
def the_start_itself(loss_and_gradient, start, budget):
    return start
