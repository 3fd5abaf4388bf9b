# Decoding with a cache of keys and values.


def cache_attend(qkv: List[Tensor], cache_k: Tensor, cache_v: Tensor, position: int, scale: float) -> Tensor:
    q = qkv[0]
    t = torch.size(q, 2)
    _1 = torch.copy_(torch.narrow(cache_k, 2, position, t), qkv[1])
    _2 = torch.copy_(torch.narrow(cache_v, 2, position, t), qkv[2])
    end = torch.add(position, t)
    k = torch.narrow(cache_k, 2, 0, end)
    v = torch.narrow(cache_v, 2, 0, end)
    h = torch.size(k, 1)
    if torch.eq(t, 1):
        # one query a head: two small products over the cache as it lies, without a copy of it
        rows = torch.reshape(q, [torch.size(q, 0), h, -1, torch.size(q, 3)])
        p = torch.softmax(torch.mul(torch.matmul(rows, torch.transpose(k, 2, 3)), scale), -1)
        y = torch.reshape(torch.matmul(p, v), [torch.size(q, 0), torch.size(q, 1), 1, -1])
    elif torch.gt(position, 0):
        # is_causal would let the first of several new tokens see only the first of the cache
        seen = torch.tril(torch.ones([t, end], dtype=11, device=ops.prim.device(q)), position)
        y = (self).attend(q, k, v, [seen], scale, )
    else:
        y = (self).attend(q, k, v, annotate(List[Tensor], []), scale, )
    return y


def cache_attend_out(x: Tensor, qkv: List[Tensor], cache_k: Tensor, cache_v: Tensor, position: int, scale: float, weight: Tensor, bias: List[Tensor], dtype: int) -> Tensor:
    y = (self).cache_attend(qkv, cache_k, cache_v, position, scale, )
    y = torch.reshape(torch.transpose(y, 1, 2), [torch.size(y, 0), torch.size(y, 2), -1])
    o = torch.linear(y, torch.to(weight, dtype))
    if torch.gt(torch.len(bias), 0):
        o = torch.add(o, torch.to(bias[0], dtype))
    return torch.add(x, o)


def sample(logits: Tensor, temperature: float, top_k: int, top_p: float, uniforms: Tensor) -> Tensor:
    # logits [rows, vocabulary]; one id a row by inverse transform over the sorted probabilities
    if torch.le(temperature, 0.):
        r = torch.argmax(logits, 1, False)
    else:
        p, order = torch.sort(torch.softmax(torch.div(torch.to(logits, 7), temperature), 1), dim=1, descending=True, stable=True)
        if torch.gt(top_k, 0):
            k = ops.prim.min(top_k, torch.size(p, 1))
            p = torch.narrow(p, 1, 0, k)
            # top_p is a share of what top_k left, as in transformers
            p = torch.div(p, torch.sum(p, [1], True))
        c = torch.cumsum(p, 1)
        if torch.lt(top_p, 1.):
            # keep the shortest head whose mass reaches top_p
            p = torch.mul(p, torch.to(torch.lt(torch.sub(c, p), top_p), 7))
            c = torch.cumsum(p, 1)
        total = torch.narrow(c, 1, torch.sub(torch.size(c, 1), 1), 1)
        u = torch.mul(torch.unsqueeze(uniforms, 1), total)
        i = torch.sum(torch.to(torch.le(c, u), 4), [1], True)
        last = torch.sub(torch.sum(torch.to(torch.gt(p, 0.), 4), [1], True), 1)
        r = torch.squeeze(torch.gather(order, 1, torch.minimum(i, last)), 1)
    return r
