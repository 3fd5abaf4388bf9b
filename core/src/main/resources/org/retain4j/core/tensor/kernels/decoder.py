# Building blocks of decoder-only transformers. `dtype` is the type to multiply matrices in; sums,
# norms and the residual stream stay in the type of x. A list of tensors stands for an optional one.


def linear(x: Tensor, weight: Tensor, bias: List[Tensor], dtype: int) -> Tensor:
    y = torch.linear(torch.to(x, dtype), torch.to(weight, dtype))
    if torch.gt(torch.len(bias), 0):
        y = torch.add(y, torch.to(bias[0], dtype))
    return y


def embedding(weight: Tensor, ids: Tensor) -> Tensor:
    return torch.embedding(weight, ids)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    x32 = torch.to(x, 6)
    n = torch.mul(x32, torch.rsqrt(torch.add(torch.mean(torch.mul(x32, x32), [-1], True), eps)))
    return torch.mul(weight, torch.to(n, ops.prim.dtype(x)))


def rope_tables(positions: Tensor, inverse_frequencies: Tensor, scaling: float) -> List[Tensor]:
    angles = torch.mul(torch.unsqueeze(torch.to(positions, 6), -1), inverse_frequencies)
    both = torch.unsqueeze(torch.cat([angles, angles], -1), 1)
    return [torch.mul(torch.cos(both), scaling), torch.mul(torch.sin(both), scaling)]


def split_heads(x: Tensor, heads: int) -> Tensor:
    return torch.transpose(torch.reshape(x, [torch.size(x, 0), torch.size(x, 1), heads, -1]), 1, 2)


def merge_heads(x: Tensor) -> Tensor:
    return torch.reshape(torch.transpose(x, 1, 2), [torch.size(x, 0), torch.size(x, 2), -1])


def rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = torch.chunk(x, 2, -1)
    y = torch.add(torch.mul(x, cos), torch.mul(torch.cat([torch.neg(b), a], -1), sin))
    return torch.to(y, ops.prim.dtype(x))


def repeat_heads(x: Tensor, heads: int) -> Tensor:
    # [batch, kv heads, tokens, width] to [batch, heads, tokens, width]
    kv = torch.size(x, 1)
    if torch.eq(kv, heads):
        y = x
    else:
        sizes = [torch.size(x, 0), kv, torch.floordiv(heads, kv), torch.size(x, 2), torch.size(x, 3)]
        y = torch.reshape(torch.expand(torch.unsqueeze(x, 2), sizes), [torch.size(x, 0), heads, torch.size(x, 2), torch.size(x, 3)])
    return y


def attend(q: Tensor, k: Tensor, v: Tensor, mask: List[Tensor], scale: float) -> Tensor:
    # the grouped form of this operator has no fused kernel on the CPU: repeating keys and values
    # and fusing is up to four times as fast, and keeps no matrix of all scores
    ke = (self).repeat_heads(k, torch.size(q, 1), )
    ve = (self).repeat_heads(v, torch.size(q, 1), )
    if torch.ne(torch.size(k, 2), torch.size(v, 2)):
        # the fused kernel would read past the end of the values
        ops.prim.RaiseException("keys and values differ in length")
    if torch.gt(torch.len(mask), 0):
        y = torch.scaled_dot_product_attention(q, ke, ve, mask[0], 0., False, scale=scale, enable_gqa=False)
    else:
        y = torch.scaled_dot_product_attention(q, ke, ve, None, 0., torch.gt(torch.size(q, 2), 1), scale=scale, enable_gqa=False)
    return y


def gated_silu(gate: Tensor, up: Tensor) -> Tensor:
    return torch.mul(torch.silu(gate), up)


def norm_qkv(x: Tensor, norm: Tensor, eps: float, weights: List[Tensor], biases: List[Tensor], cos: Tensor, sin: Tensor, heads: int, kv_heads: int, dtype: int) -> List[Tensor]:
    h = torch.to((self).rms_norm(x, norm, eps, ), dtype)
    q = torch.linear(h, torch.to(weights[0], dtype))
    k = torch.linear(h, torch.to(weights[1], dtype))
    v = torch.linear(h, torch.to(weights[2], dtype))
    if torch.gt(torch.len(biases), 0):
        q = torch.add(q, torch.to(biases[0], dtype))
        k = torch.add(k, torch.to(biases[1], dtype))
        v = torch.add(v, torch.to(biases[2], dtype))
    q = (self).rope((self).split_heads(q, heads, ), cos, sin, )
    k = (self).rope((self).split_heads(k, kv_heads, ), cos, sin, )
    return [q, k, (self).split_heads(v, kv_heads, )]


def attend_out(x: Tensor, q: Tensor, k: Tensor, v: Tensor, mask: List[Tensor], scale: float, weight: Tensor, bias: List[Tensor], dtype: int) -> Tensor:
    y = (self).attend(q, k, v, mask, scale, )
    y = torch.reshape(torch.transpose(y, 1, 2), [torch.size(y, 0), torch.size(y, 2), -1])
    o = torch.linear(y, torch.to(weight, dtype))
    if torch.gt(torch.len(bias), 0):
        o = torch.add(o, torch.to(bias[0], dtype))
    return torch.add(x, o)


def norm_gated_mlp(x: Tensor, norm: Tensor, eps: float, weights: List[Tensor], dtype: int) -> Tensor:
    h = torch.to((self).rms_norm(x, norm, eps, ), dtype)
    a = torch.silu(torch.linear(h, torch.to(weights[0], dtype)))
    g = torch.mul(a, torch.linear(h, torch.to(weights[1], dtype)))
    return torch.add(x, torch.linear(g, torch.to(weights[2], dtype)))


def causal_padding_mask(mask: Tensor) -> Tensor:
    t = torch.size(mask, 1)
    causal = torch.tril(torch.ones([t, t], dtype=11, device=ops.prim.device(mask)))
    keys = torch.unsqueeze(torch.unsqueeze(mask, 1), 1)
    own = torch.eye(t, dtype=11, device=ops.prim.device(mask))
    # a padded row must see itself, or its softmax is 0/0
    return torch.__or__(torch.__and__(keys, causal), own)


def embedding_backward(gradient: Tensor, ids: Tensor, rows: int) -> Tensor:
    return torch.embedding_dense_backward(gradient, ids, rows, -1, False)
