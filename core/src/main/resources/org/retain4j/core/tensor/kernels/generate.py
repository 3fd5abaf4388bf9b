# Decoding with a cache of keys and values.


def cache_attend(qkv: List[Tensor], cache_k: Tensor, cache_v: Tensor, position: int, window: int, mask: List[Tensor], scale: float, cap: float) -> Tensor:
    q = qkv[0]
    t = torch.size(q, 2)
    _1 = torch.copy_(torch.narrow(cache_k, 2, position, t), qkv[1])
    _2 = torch.copy_(torch.narrow(cache_v, 2, position, t), qkv[2])
    end = torch.add(position, t)
    if torch.eq(t, 1):
        first = 0
        if torch.gt(window, 0):
            first = ops.prim.max(0, torch.sub(end, window))
        seen = torch.sub(end, first)
        k = torch.narrow(cache_k, 2, first, seen)
        v = torch.narrow(cache_v, 2, first, seen)
        h = torch.size(k, 1)
        # one query a head: two small products over the cache as it lies, without a copy of it
        rows = torch.reshape(q, [torch.size(q, 0), h, -1, torch.size(q, 3)])
        scores = torch.mul(torch.matmul(rows, torch.transpose(k, 2, 3)), scale)
        if torch.gt(cap, 0.):
            scores = torch.mul(torch.tanh(torch.div(scores, cap)), cap)
        if torch.gt(torch.len(mask), 0):
            hidden = torch.logical_not(torch.narrow(mask[0], 3, first, seen))
            scores = torch.masked_fill(scores, hidden, -3.3e+38)
        y = torch.reshape(torch.matmul(torch.softmax(scores, -1), v), [torch.size(q, 0), torch.size(q, 1), 1, -1])
    else:
        k = torch.narrow(cache_k, 2, 0, end)
        v = torch.narrow(cache_v, 2, 0, end)
        y = (self).attend(q, k, v, mask, scale, cap, )
    return y


def sample(scores: Tensor, seen: Tensor, penalty: float, temperature: float, top_k: int, top_p: float, min_p: float, uniforms: Tensor) -> Tensor:
    # scores [rows, vocabulary]; one id a row by inverse transform over the sorted probabilities.
    # seen says which tokens a row holds, and learns those chosen now; it is empty without penalty.
    logits = scores
    if torch.gt(torch.numel(seen), 0):
        punished = torch.where(torch.lt(scores, 0.), torch.mul(scores, penalty), torch.div(scores, penalty))
        logits = torch.where(seen, punished, scores)
    if torch.le(temperature, 0.):
        r = torch.argmax(logits, 1, False)
    else:
        p, order = torch.sort(torch.softmax(torch.div(torch.to(logits, 7), temperature), 1), dim=1, descending=True, stable=True)
        if torch.gt(top_k, 0):
            k = ops.prim.min(top_k, torch.size(p, 1))
            p = torch.narrow(p, 1, 0, k)
            # top_p is a share of what top_k left, as in transformers
            p = torch.div(p, torch.sum(p, [1], True))
        if torch.lt(top_p, 1.):
            # keep the shortest head whose mass reaches top_p
            before = torch.sub(torch.cumsum(p, 1), p)
            p = torch.mul(p, torch.to(torch.lt(before, top_p), 7))
        if torch.gt(min_p, 0.):
            least = torch.mul(torch.narrow(p, 1, 0, 1), min_p)
            p = torch.mul(p, torch.to(torch.ge(p, least), 7))
        c = torch.cumsum(p, 1)
        total = torch.narrow(c, 1, torch.sub(torch.size(c, 1), 1), 1)
        u = torch.mul(torch.unsqueeze(uniforms, 1), total)
        i = torch.sum(torch.to(torch.le(c, u), 4), [1], True)
        last = torch.sub(torch.sum(torch.to(torch.gt(p, 0.), 4), [1], True), 1)
        r = torch.squeeze(torch.gather(order, 1, torch.minimum(i, last)), 1)
    if torch.gt(torch.numel(seen), 0):
        _1 = torch.scatter_(seen, 1, torch.unsqueeze(r, 1), True)
    return r
