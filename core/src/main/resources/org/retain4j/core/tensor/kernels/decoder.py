# Building blocks of decoder-only transformers. `dtype` is the type to multiply matrices in; sums,
# norms and the residual stream stay in the type of x. A list of tensors stands for an optional one.


def few_rows(h: Tensor, w: Tensor) -> bool:
    # whether `linear_rows` should take the way for few rows: see there
    few = False
    if torch.le(torch.numel(h), torch.mul(torch.size(h, -1), 16)):
        if torch.eq(ops.prim.dtype(w), 6):
            if torch.eq(torch.remainder(torch.size(w, 0), 8), 0):
                few = torch.__not__(ops.prim.is_cuda(h))
    if few:
        few = torch.is_contiguous(w)
    return few


def linear_rows(h: Tensor, w: Tensor) -> Tensor:
    # The product of a float32 matrix with one or a few vectors runs at a third of the memory's
    # speed in the BLAS call behind linear; the same rows as a batch of eight products reach it.
    if (self).few_rows(h, w, ):
        k = torch.size(h, -1)
        m = torch.floordiv(torch.numel(h), k)
        n = torch.size(w, 0)
        parts = torch.reshape(w, [8, torch.floordiv(n, 8), k])
        rows = torch.reshape(h, [m, k])
        if torch.le(m, 4):
            columns = torch.expand(torch.unsqueeze(torch.t(rows), 0), [8, k, m])
            y = torch.t(torch.reshape(torch.bmm(parts, columns), [n, m]))
        else:
            p = torch.bmm(torch.expand(torch.unsqueeze(rows, 0), [8, m, k]), torch.transpose(parts, 1, 2))
            y = torch.reshape(torch.transpose(p, 0, 1), [m, n])
        shape = torch.slice(torch.size(h), 0, torch.sub(torch.dim(h), 1), 1)
        _1 = torch.append(shape, n)
        y = torch.reshape(y, shape)
    else:
        y = torch.linear(h, w)
    return y


def linear(x: Tensor, weight: Tensor, bias: List[Tensor], dtype: int) -> Tensor:
    y = (self).linear_rows(torch.to(x, dtype), torch.to(weight, dtype), )
    if torch.gt(torch.len(bias), 0):
        y = torch.add(y, torch.to(bias[0], dtype))
    return y


def linears(h: Tensor, weights: List[Tensor], biases: List[Tensor], first: int, count: int, dtype: int) -> List[Tensor]:
    # `count` layers side by side on the same input; biases are none or one a layer
    y = annotate(List[Tensor], [])
    i = first
    while torch.lt(i, torch.add(first, count)):
        p = (self).linear_rows(h, torch.to(weights[i], dtype), )
        if torch.gt(torch.len(biases), 0):
            p = torch.add(p, torch.to(biases[i], dtype))
        _1 = torch.append(y, p)
        i = torch.add(i, 1)
    return y


def adapted(h: Tensor, weights: List[Tensor], biases: List[Tensor], first: int, count: int, factors: List[Tensor], layers: List[int], scales: List[float], dtype: int) -> List[Tensor]:
    # as `linears`, plus scale * (h At) Bt for each pair of factors of one of these layers; all A in
    # one product, B added in place: nothing of the size of the output is kept or copied for them
    a = annotate(List[Tensor], [])
    for i in range(torch.len(layers)):
        if torch.ge(layers[i], first):
            if torch.lt(layers[i], torch.add(first, count)):
                _1 = torch.append(a, torch.to(factors[torch.mul(i, 2)], dtype))
    if torch.eq(torch.len(a), 0):
        y = (self).linears(h, weights, biases, first, count, dtype, )
    else:
        rows = torch.reshape(h, [-1, torch.size(h, -1)])
        y = (self).linears(rows, weights, biases, first, count, dtype, )
        if torch.eq(torch.len(a), 1):
            low = torch.mm(rows, torch.t(a[0]))
        else:
            low = torch.mm(rows, torch.t(torch.cat(a, 0)))
        start = 0
        for i in range(torch.len(layers)):
            if torch.ge(layers[i], first):
                at = torch.sub(layers[i], first)
                if torch.lt(at, count):
                    b = torch.to(factors[torch.add(torch.mul(i, 2), 1)], dtype)
                    part = torch.narrow(low, 1, start, torch.size(b, 1))
                    start = torch.add(start, torch.size(b, 1))
                    _2 = torch.addmm_(y[at], part, torch.t(b), alpha=scales[i])
        for i in range(count):
            shape = torch.slice(torch.size(h), 0, torch.sub(torch.dim(h), 1), 1)
            _3 = torch.append(shape, torch.size(y[i], 1))
            _4 = torch._set_item(y, i, torch.reshape(y[i], shape))
    return y


def low_rank(x: Tensor, y: Tensor, a: Tensor, b: Tensor, scale: float, keep: List[Tensor], dtype: int) -> Tensor:
    # y + scale * (x At) Bt, of an input with dropout when there is a mask
    h = torch.to(x, dtype)
    if torch.gt(torch.len(keep), 0):
        h = torch.mul(h, torch.to(keep[0], dtype))
    low = torch.linear(torch.linear(h, torch.to(a, dtype)), torch.to(b, dtype))
    return torch.add(y, low, alpha=scale)


def embedding(weight: Tensor, ids: Tensor) -> Tensor:
    # the residual stream is float32 whatever the weights are stored in
    x = torch.embedding(weight, ids)
    if torch.eq(ops.prim.dtype(x), 5):
        x = torch.to(x, 6)
    elif torch.eq(ops.prim.dtype(x), 15):
        x = torch.to(x, 6)
    return x


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    x32 = torch.to(x, 6)
    n = torch.mul(x32, torch.rsqrt(torch.add(torch.mean(torch.mul(x32, x32), [-1], True), eps)))
    return torch.mul(weight, torch.to(n, ops.prim.dtype(x)))


def rms_norm_plus_one(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    x32 = torch.to(x, 6)
    n = torch.mul(x32, torch.rsqrt(torch.add(torch.mean(torch.mul(x32, x32), [-1], True), eps)))
    return torch.to(torch.mul(n, torch.add(torch.to(weight, 6), 1.)), ops.prim.dtype(x))


def normed(x: Tensor, norm: List[Tensor], kind: int, eps: float) -> Tensor:
    # kinds are those of the class Norm; 0 is no norm
    if torch.eq(kind, 0):
        y = x
    elif torch.eq(kind, 1):
        y = (self).rms_norm(x, norm[0], eps, )
    elif torch.eq(kind, 2):
        y = (self).rms_norm_plus_one(x, norm[0], eps, )
    else:
        y = torch.to(torch.layer_norm(torch.to(x, 6), [torch.size(x, -1)], torch.to(norm[0], 6), torch.to(norm[1], 6), eps), ops.prim.dtype(x))
    return y


def rope_tables(positions: Tensor, inverse_frequencies: Tensor, scaling: float) -> List[Tensor]:
    angles = torch.mul(torch.unsqueeze(torch.to(positions, 6), -1), inverse_frequencies)
    both = torch.unsqueeze(torch.cat([angles, angles], -1), 1)
    return [torch.mul(torch.cos(both), scaling), torch.mul(torch.sin(both), scaling)]


def split_heads(x: Tensor, heads: int) -> Tensor:
    return torch.transpose(torch.reshape(x, [torch.size(x, 0), torch.size(x, 1), heads, -1]), 1, 2)


def merge_heads(x: Tensor) -> Tensor:
    return torch.reshape(torch.transpose(x, 1, 2), [torch.size(x, 0), torch.size(x, 2), -1])


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = torch.chunk(x, 2, -1)
    y = torch.add(torch.mul(x, cos), torch.mul(torch.cat([torch.neg(b), a], -1), sin))
    return torch.to(y, ops.prim.dtype(x))


def rope(x: Tensor, tables: List[Tensor]) -> Tensor:
    # turns the first dimensions of each head, as many as the tables are wide
    if torch.eq(torch.len(tables), 0):
        y = x
    else:
        width = torch.size(tables[0], -1)
        rest = torch.sub(torch.size(x, -1), width)
        if torch.eq(rest, 0):
            y = (self).rotate(x, tables[0], tables[1], )
        else:
            turned = (self).rotate(torch.narrow(x, -1, 0, width), tables[0], tables[1], )
            y = torch.cat([turned, torch.narrow(x, -1, width, rest)], -1)
    return y


def repeat_heads(x: Tensor, heads: int) -> Tensor:
    # [batch, kv heads, tokens, width] to [batch, heads, tokens, width]
    kv = torch.size(x, 1)
    if torch.eq(kv, heads):
        y = x
    else:
        sizes = [torch.size(x, 0), kv, torch.floordiv(heads, kv), torch.size(x, 2), torch.size(x, 3)]
        y = torch.reshape(torch.expand(torch.unsqueeze(x, 2), sizes), [torch.size(x, 0), heads, torch.size(x, 2), torch.size(x, 3)])
    return y


def capped_attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float, cap: float) -> Tensor:
    scores = torch.to(torch.mul(torch.matmul(q, torch.transpose(k, 2, 3)), scale), 6)
    scores = torch.mul(torch.tanh(torch.div(scores, cap)), cap)
    scores = torch.masked_fill(scores, torch.logical_not(mask), -3.4028234663852886e+38)
    return torch.matmul(torch.to(torch.softmax(scores, -1), ops.prim.dtype(v)), v)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: List[Tensor], scale: float, cap: float) -> Tensor:
    # the grouped form of this operator has no fused kernel on the CPU: repeating keys and values
    # and fusing is up to four times as fast, and keeps no matrix of all scores
    ke = (self).repeat_heads(k, torch.size(q, 1), )
    ve = (self).repeat_heads(v, torch.size(q, 1), )
    if torch.ne(torch.size(k, 2), torch.size(v, 2)):
        # the fused kernel would read past the end of the values
        ops.prim.RaiseException("keys and values differ in length")
    if torch.gt(cap, 0.):
        y = (self).capped_attend(q, ke, ve, mask[0], scale, cap, )
    elif torch.gt(torch.len(mask), 0):
        y = torch.scaled_dot_product_attention(q, ke, ve, mask[0], 0., False, scale=scale, enable_gqa=False)
    else:
        y = torch.scaled_dot_product_attention(q, ke, ve, None, 0., torch.gt(torch.size(q, 2), 1), scale=scale, enable_gqa=False)
    return y


def qkv_heads(p: List[Tensor], layout: int, norms: List[Tensor], kind: int, eps: float, whole: bool, tables: List[Tensor], heads: int, kv_heads: int) -> List[Tensor]:
    # projections to queries, keys and values by head; layouts are those of AttentionSpec
    if torch.eq(layout, 0):
        q = p[0]
        k = p[1]
        v = p[2]
    elif torch.eq(layout, 1):
        d = torch.floordiv(torch.size(p[0], -1), torch.add(heads, torch.mul(2, kv_heads)))
        q = torch.narrow(p[0], -1, 0, torch.mul(heads, d))
        k = torch.narrow(p[0], -1, torch.mul(heads, d), torch.mul(kv_heads, d))
        v = torch.narrow(p[0], -1, torch.mul(torch.add(heads, kv_heads), d), torch.mul(kv_heads, d))
    else:
        by_head = torch.reshape(p[0], [torch.size(p[0], 0), torch.size(p[0], 1), heads, -1])
        q, k, v = torch.chunk(by_head, 3, -1)
        width = torch.floordiv(torch.size(p[0], -1), 3)
        q = torch.reshape(q, [torch.size(q, 0), torch.size(q, 1), width])
        k = torch.reshape(k, [torch.size(k, 0), torch.size(k, 1), width])
        v = torch.reshape(v, [torch.size(v, 0), torch.size(v, 1), width])
    if torch.gt(torch.len(norms), 0):
        if whole:
            q = (self).normed(q, [norms[0]], kind, eps, )
            k = (self).normed(k, [norms[1]], kind, eps, )
    q = (self).split_heads(q, heads, )
    k = (self).split_heads(k, kv_heads, )
    if torch.gt(torch.len(norms), 0):
        if torch.__not__(whole):
            q = (self).normed(q, [norms[0]], kind, eps, )
            k = (self).normed(k, [norms[1]], kind, eps, )
        # float32 weights of a norm make float32 out of less
        q = torch.to(q, ops.prim.dtype(v))
        k = torch.to(k, ops.prim.dtype(v))
    return [(self).rope(q, tables, ), (self).rope(k, tables, ), (self).split_heads(v, kv_heads, )]


def norm_qkv(x: Tensor, norm: List[Tensor], kind: int, eps: float, weights: List[Tensor], biases: List[Tensor], factors: List[Tensor], layers: List[int], scales: List[float], layout: int, qk_norms: List[Tensor], qk_kind: int, qk_eps: float, whole: bool, tables: List[Tensor], heads: int, kv_heads: int, dtype: int) -> List[Tensor]:
    h = torch.to((self).normed(x, norm, kind, eps, ), dtype)
    p = (self).adapted(h, weights, biases, 0, torch.len(weights), factors, layers, scales, dtype, )
    return (self).qkv_heads(p, layout, qk_norms, qk_kind, qk_eps, whole, tables, heads, kv_heads, )


def attention_out(residual: Tensor, attended: Tensor, weight: Tensor, bias: List[Tensor], factors: List[Tensor], layers: List[int], scales: List[float], norm: List[Tensor], kind: int, eps: float, dtype: int) -> Tensor:
    h = torch.to((self).merge_heads(attended, ), dtype)
    y = (self).adapted(h, [weight], bias, 0, 1, factors, layers, scales, dtype, )[0]
    return torch.add(residual, (self).normed(y, norm, kind, eps, ))


def activated(x: Tensor, activation: int) -> Tensor:
    # numbers are those of MlpSpec
    if torch.eq(activation, 0):
        y = torch.silu(x)
    elif torch.eq(activation, 1):
        y = torch.gelu(x, approximate="none")
    elif torch.eq(activation, 2):
        y = torch.gelu(x, approximate="tanh")
    else:
        y = torch.relu(x)
    return y


def mlp_inner(p: List[Tensor], layout: int, activation: int) -> Tensor:
    if torch.eq(layout, 0):
        y = torch.mul((self).activated(p[0], activation, ), p[1])
    elif torch.eq(layout, 1):
        gate, up = torch.chunk(p[0], 2, -1)
        y = torch.mul((self).activated(gate, activation, ), up)
    else:
        y = (self).activated(p[0], activation, )
    return y


def norm_mlp(residual: Tensor, x: Tensor, norm: List[Tensor], kind: int, eps: float, weights: List[Tensor], biases: List[Tensor], factors: List[Tensor], layers: List[int], scales: List[float], layout: int, activation: int, out_norm: List[Tensor], out_kind: int, out_eps: float, dtype: int) -> Tensor:
    # the last of weights and biases are those of the layer that writes the output
    h = torch.to((self).normed(x, norm, kind, eps, ), dtype)
    last = torch.sub(torch.len(weights), 1)
    p = (self).adapted(h, weights, biases, 0, last, factors, layers, scales, dtype, )
    inner = (self).mlp_inner(p, layout, activation, )
    y = (self).adapted(inner, weights, biases, last, 1, factors, layers, scales, dtype, )[0]
    return torch.add(residual, (self).normed(y, out_norm, out_kind, out_eps, ))


def attention_mask(real: List[Tensor], segments: List[Tensor], like: Tensor, tokens: int, end: int, window: int) -> Tensor:
    # which of all `end` places each of the last `tokens` places may see
    device = ops.prim.device(like)
    q = torch.unsqueeze(torch.arange(torch.sub(end, tokens), end, dtype=4, device=device), 1)
    k = torch.unsqueeze(torch.arange(0, end, dtype=4, device=device), 0)
    seen = torch.le(k, q)
    if torch.gt(window, 0):
        seen = torch.__and__(seen, torch.gt(k, torch.sub(q, window)))
    mask = torch.reshape(seen, [1, 1, tokens, end])
    if torch.gt(torch.len(segments), 0):
        same = torch.eq(torch.unsqueeze(segments[0], 2), torch.unsqueeze(segments[0], 1))
        mask = torch.__and__(mask, torch.unsqueeze(same, 1))
    if torch.gt(torch.len(real), 0):
        # a padded row must see itself, or its softmax is 0/0
        own = torch.reshape(torch.eq(k, q), [1, 1, tokens, end])
        keys = torch.unsqueeze(torch.unsqueeze(real[0], 1), 1)
        mask = torch.__or__(torch.__and__(keys, mask), own)
    return mask


def soft_cap(logits: Tensor, cap: float) -> Tensor:
    if torch.gt(cap, 0.):
        y = torch.mul(torch.tanh(torch.div(logits, cap)), cap)
    else:
        y = logits
    return y


def plain_attention(q: Tensor, k: Tensor, v: Tensor, mask: Optional[Tensor], p: float, causal: bool, scale: Optional[float], enable_gqa: bool) -> Tensor:
    # the whole score matrix, as the deterministic mode wants it
    y, w = torch._scaled_dot_product_attention_math(q, k, v, mask, p, causal, None, scale=scale, enable_gqa=enable_gqa)
    return y
