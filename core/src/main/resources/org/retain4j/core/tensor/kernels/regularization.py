# Penalties that tie parameters to earlier values, and the importances that weigh them. An empty list of anchors
# means anchors of 0, an empty list of importances means 1 for all.


def penalty_difference(p: List[Tensor], anchor: List[Tensor], i: int) -> Tensor:
    x = torch.detach(p[i])
    if torch.gt(torch.len(anchor), 0):
        x = torch.sub(x, anchor[i])
    return x


def penalty_piece(x: Tensor) -> int:
    # Entries that are worked on at a time: few enough to stay in the cache between the passes over them, and to be
    # summed in their own precision; a GPU takes all at once.
    n = torch.numel(x)
    if torch.__not__(ops.prim.is_cuda(x)):
        n = ops.prim.min(n, 131072)
    return ops.prim.max(n, 1)


def penalty_pieces(x: Tensor) -> int:
    n = (self).penalty_piece(x, )
    return torch.floordiv(torch.sub(torch.add(torch.numel(x), n), 1), n)


def penalty_cut(x: Tensor, k: int, n: int) -> Tensor:
    flat = torch.view(torch.detach(x), [-1])
    start = torch.mul(k, n)
    return torch.narrow(flat, 0, start, ops.prim.min(n, torch.sub(torch.numel(flat), start)))


def penalty_value(p: List[Tensor], anchor: List[Tensor], importance: List[Tensor]) -> Tensor:
    # sum of b (p - anchor)^2, and sum of (p - anchor)^2, in float64
    device = ops.prim.device(p[0])
    s = torch.zeros([], dtype=7, device=device)
    w = torch.zeros([], dtype=7, device=device)
    for i in range(torch.len(p)):
        x = torch.contiguous(torch.detach(p[i]))
        n = (self).penalty_piece(x, )
        for k in range((self).penalty_pieces(x, )):
            d = (self).penalty_cut(x, k, n, )
            if torch.gt(torch.len(anchor), 0):
                d = torch.sub(d, (self).penalty_cut(torch.contiguous(anchor[i]), k, n, ))
            w = torch.add(w, torch.dot(d, d))
            if torch.gt(torch.len(importance), 0):
                b = torch.mul((self).penalty_cut(torch.contiguous(importance[i]), k, n, ), d)
                s = torch.add(s, torch.dot(b, d))
    if torch.eq(torch.len(importance), 0):
        s = w
    return torch.stack([s, w])


def penalty_gradient_(g: List[Tensor], p: List[Tensor], anchor: List[Tensor], importance: List[Tensor], factor: float) -> Tensor:
    # g += factor * b * (p - anchor); returns the sums of b (p - anchor)^2, (p - anchor)^2 and b^2 (p - anchor)^2
    device = ops.prim.device(p[0])
    s = torch.zeros([], dtype=7, device=device)
    w = torch.zeros([], dtype=7, device=device)
    q = torch.zeros([], dtype=7, device=device)
    for i in range(torch.len(p)):
        x = torch.contiguous(torch.detach(p[i]))
        own = torch.contiguous(torch.detach(g[i]))
        n = (self).penalty_piece(x, )
        for k in range((self).penalty_pieces(x, )):
            d = (self).penalty_cut(x, k, n, )
            if torch.gt(torch.len(anchor), 0):
                d = torch.sub(d, (self).penalty_cut(torch.contiguous(anchor[i]), k, n, ))
            w = torch.add(w, torch.dot(d, d))
            if torch.gt(torch.len(importance), 0):
                b = torch.mul(d, (self).penalty_cut(torch.contiguous(importance[i]), k, n, ))
                s = torch.add(s, torch.dot(b, d))
                q = torch.add(q, torch.dot(b, b))
                d = b
            _1 = torch.add_((self).penalty_cut(own, k, n, ), d, alpha=factor)
        if torch.__not__(torch.is_contiguous(g[i])):
            _2 = torch.copy_(torch.detach(g[i]), own)
    if torch.eq(torch.len(importance), 0):
        s = w
        q = w
    return torch.stack([s, w, q])


def penalty_decoupled_(p: List[Tensor], anchor: List[Tensor], importance: List[Tensor], step: float, proximal: bool) -> Tensor:
    # step = 2 lr lambda: p -= step b (p - anchor), or the fixed point of that, stable for any step;
    # the limits keep an overflow from becoming inf / inf or 0 * inf
    step = ops.prim.min(step, 1e30)
    for i in range(torch.len(p)):
        x = torch.detach(p[i])
        d = (self).penalty_difference(p, anchor, i, )
        if torch.gt(torch.len(importance), 0):
            k = torch.mul(importance[i], step)
        else:
            k = torch.full_like(d, step)
        if proximal:
            k = torch.clamp_max(k, 1e30)
            k = torch.div(k, torch.add(k, 1.))
        _1 = torch.sub_(x, torch.mul(k, d))
    return torch.zeros([])


def list_max(a: List[Tensor]) -> Tensor:
    s = torch.zeros([], dtype=7)
    for i in range(torch.len(a)):
        s = torch.maximum(s, torch.to(torch.max(a[i]), torch.device("cpu"), 7))
    return s


def list_min(a: List[Tensor]) -> Tensor:
    s = torch.to(torch.min(a[0]), torch.device("cpu"), 7)
    for i in range(torch.len(a)):
        s = torch.minimum(s, torch.to(torch.min(a[i]), torch.device("cpu"), 7))
    return s


def list_add_abs_(a: List[Tensor], b: List[Tensor], alpha: float) -> Tensor:
    for i in range(torch.len(a)):
        _1 = torch.add_(a[i], torch.abs(b[i]), alpha=alpha)
    return torch.zeros([])


def list_copy_(a: List[Tensor], b: List[Tensor]) -> Tensor:
    for i in range(torch.len(a)):
        _1 = torch.copy_(torch.detach(a[i]), torch.detach(b[i]))
    return torch.zeros([])


def list_zero_(a: List[Tensor]) -> Tensor:
    for i in range(torch.len(a)):
        _1 = torch.zero_(a[i])
    return torch.zeros([])


def list_correlation(a: List[Tensor], b: List[Tensor]) -> Tensor:
    # Pearson's, over all entries of all tensors
    n = 0
    sa = torch.zeros([], dtype=7)
    sb = torch.zeros([], dtype=7)
    saa = torch.zeros([], dtype=7)
    sbb = torch.zeros([], dtype=7)
    sab = torch.zeros([], dtype=7)
    for i in range(torch.len(a)):
        x = torch.to(a[i], torch.device("cpu"), 7)
        y = torch.to(b[i], torch.device("cpu"), 7)
        n = torch.add(n, torch.numel(x))
        sa = torch.add(sa, torch.sum(x))
        sb = torch.add(sb, torch.sum(y))
        saa = torch.add(saa, torch.sum(torch.mul(x, x)))
        sbb = torch.add(sbb, torch.sum(torch.mul(y, y)))
        sab = torch.add(sab, torch.sum(torch.mul(x, y)))
    cov = torch.sub(sab, torch.div(torch.mul(sa, sb), n))
    va = torch.sub(saa, torch.div(torch.mul(sa, sa), n))
    vb = torch.sub(sbb, torch.div(torch.mul(sb, sb), n))
    return torch.div(cov, torch.sqrt(torch.mul(va, vb)))


def squared_logits_into(logits: Tensor, gradient: Tensor, weights: Tensor) -> Tensor:
    # sum of weight * |logits|^2 over positions, its gradient added
    x = torch.detach(logits)
    w = torch.unsqueeze(weights, 1)
    _1 = torch.add_(gradient, torch.mul(x, torch.mul(w, 2.)))
    return torch.sum(torch.mul(torch.mul(x, x), w))


def path_integral_(omega: List[Tensor], gradient: List[Tensor], p: List[Tensor], before: List[Tensor]) -> Tensor:
    # omega -= g (p - before), then before = p
    for i in range(torch.len(p)):
        x = torch.detach(p[i])
        d = torch.sub(x, before[i])
        _1 = torch.addcmul_(omega[i], gradient[i], d, value=-1)
        _2 = torch.copy_(before[i], x)
    return torch.zeros([])


def synaptic_importance_(total: List[Tensor], omega: List[Tensor], p: List[Tensor], start: List[Tensor], xi: float, clamped: bool) -> Tensor:
    # total += omega / ((p - start)^2 + xi)
    for i in range(torch.len(p)):
        d = torch.sub(torch.detach(p[i]), start[i])
        q = torch.div(omega[i], torch.add(torch.mul(d, d), xi))
        if clamped:
            q = torch.clamp_min(q, 0.)
        _1 = torch.add_(total[i], q)
    return torch.zeros([])


def moving_square_(fisher: List[Tensor], gradient: List[Tensor], decay: float) -> Tensor:
    # fisher = decay * g^2 + (1 - decay) * fisher
    for i in range(torch.len(fisher)):
        g = gradient[i]
        _1 = torch.mul_(fisher[i], torch.sub(1., decay))
        _2 = torch.addcmul_(fisher[i], torch.mul(g, decay), g)
    return torch.zeros([])


def walk_score_(score: List[Tensor], gain: List[Tensor], fisher: List[Tensor], p: List[Tensor], since: List[Tensor], eps: float) -> Tensor:
    # score += gain / (fisher (p - since)^2 / 2 + eps); then gain = 0 and since = p
    for i in range(torch.len(p)):
        x = torch.detach(p[i])
        d = torch.sub(x, since[i])
        distance = torch.add(torch.mul(torch.mul(torch.mul(d, d), fisher[i]), 0.5), eps)
        _1 = torch.add_(score[i], torch.div(gain[i], distance))
        _2 = torch.zero_(gain[i])
        _3 = torch.copy_(since[i], x)
    return torch.zeros([])


def walk_importance_(weight: List[Tensor], fisher: List[Tensor], score: List[Tensor]) -> Tensor:
    # weight = fisher / max fisher + max(0, score) / max score, the maxima over all parameters
    f = float((self).list_max(fisher, ))
    s = float((self).list_max(score, ))
    for i in range(torch.len(weight)):
        _1 = torch.zero_(weight[i])
        if torch.gt(f, 0.):
            _2 = torch.add_(weight[i], torch.div(fisher[i], f))
        if torch.gt(s, 0.):
            _3 = torch.add_(weight[i], torch.div(torch.clamp_min(score[i], 0.), s))
    return torch.zeros([])
