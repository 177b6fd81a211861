"""A second implementation of the integer semantics: plain Python integers and loops, written from the equations alone.

It shares nothing with `export.arithmetic`, so that agreement with it is not agreement with oneself.
"""

from __future__ import annotations

from math import isqrt

STATE_MAX = 2**23 - 1


def linear(x, weight, bias=None):
    return [sum(w * v for w, v in zip(row, x, strict=True)) + (bias[i] if bias else 0) for i, row in enumerate(weight)]


def reciprocal_sqrt(value):
    """(r, e) by counting bits."""
    exponent = -((32 - value.bit_length()) // 2)
    mantissa = value >> (2 * exponent) if exponent >= 0 else value << (-2 * exponent)
    assert 2**30 <= mantissa < 2**32
    return isqrt(2**62 // mantissa), exponent


def shift_right(value, places):
    """Floor of value / 2^places, for any sign of places."""
    return value >> places if places >= 0 else value << -places


def layer_norm(x, gain, bias, epsilon, groups=1):
    n = len(x) // groups
    result = []
    for group in range(groups):
        part = x[group * n : (group + 1) * n]
        total = sum(part)
        spread = n * sum(v * v for v in part) - total * total + epsilon
        root, exponent = reciprocal_sqrt(max(spread, 1))
        for i, value in enumerate(part):
            z = shift_right((n * value - total) * root, 31 - 12 + exponent)
            place = group * n + i
            result.append(((z * gain[place] + 2**15) >> 16) + bias[place])
    return result


def decayed(membrane, decay):
    magnitude = (abs(membrane) * (4096 - decay)) >> 12
    return magnitude if membrane >= 0 else -magnitude


def lif_step(current, membrane, spike, threshold, decay, bias, reset):
    """(membrane, spike) of one neuron after one step."""
    v = decayed(membrane, decay)
    if reset == "subtract":
        v -= spike * threshold
    elif spike:
        v = 0
    v = max(-STATE_MAX, min(STATE_MAX, v + (current << 6) + bias))
    return v, int(v >= threshold)


def coincidences(query, key, value, heads):
    """`(Q K^T) V` of one sentence and step: lists [token][feature]."""
    tokens, width = len(query), len(query[0]) // heads
    counts = [[0] * len(query[0]) for _ in range(tokens)]
    for head in range(heads):
        features = range(head * width, (head + 1) * width)
        for i in range(tokens):
            for j in range(tokens):
                match = sum(query[i][d] * key[j][d] for d in features)
                for d in features:
                    counts[i][d] += match * value[j][d]
    return counts


def readout(total, length, steps, weight, bias, shift):
    mean = [(value << shift) // (steps * length) for value in total]
    return [sum(w * m for w, m in zip(row, mean, strict=True)) + b for row, b in zip(weight, bias, strict=True)]


def run(graph, tokens):
    """One sentence through a whole graph: (logits, {layer: spikes [step][token][feature]})."""
    state, trains, total = {}, {}, None
    for _ in range(graph.time_steps):
        values = {}
        for node in graph:
            kind = type(node).__name__
            x = [values[name] for name in node.inputs]
            if kind == "Embedding":
                y = [
                    [
                        int(w) + (int(node.position[place][d]) if node.position is not None else 0)
                        for d, w in enumerate(node.word[token])
                    ]
                    for place, token in enumerate(tokens)
                ]
            elif kind == "Linear":
                bias = None if node.bias is None else node.bias.tolist()
                weight = node.weight.tolist()
                y = [linear(row, weight, bias) for row in x[0]]
            elif kind == "LayerNorm":
                gain, bias = node.gain.tolist(), node.bias.tolist()
                y = [layer_norm(row, gain, bias, node.epsilon, node.groups) for row in x[0]]
            elif kind == "LIF":
                y = _neurons(node, x[0], state)
                trains.setdefault(node.name, []).append(y)
            elif kind == "Attention":
                width = node.size
                y = coincidences(*([row[i * width : (i + 1) * width] for row in x[0]] for i in range(3)), node.heads)
            elif kind == "Add":
                y = [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(*x, strict=True)]
            else:
                sums = [sum(column) for column in zip(*x[0], strict=True)]
                total = sums if total is None else [a + b for a, b in zip(total, sums)]
                y = None
            values[node.name] = y
    last = graph.nodes[-1]
    logits = readout(total, len(tokens), graph.time_steps, last.weight.tolist(), last.bias.tolist(), last.shift)
    return logits, trains


def _neurons(node, rows, state):
    thresholds, biases = (a.tolist() * (node.size if len(a) == 1 else 1) for a in (node.threshold, node.bias))
    spikes = []
    for place, row in enumerate(rows):
        line = []
        for d, current in enumerate(row):
            key = (node.name, place, d)
            v, s = state.get(key, (0, 0))
            state[key] = lif_step(current, v, s, thresholds[d], node.decay, biases[d], node.reset)
            line.append(state[key][1])
        spikes.append(line)
    return spikes
