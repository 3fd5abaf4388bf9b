# Losses on a chunk of logits, each with its hand-written gradient, and list forms for evaluation.


def chunk_logits(hidden: Tensor, weight: Tensor, start: int, length: int, cap: float, dtype: int) -> Tensor:
    h = torch.narrow(hidden, 0, start, length)
    return (self).soft_cap(torch.to(torch.linear(torch.to(h, dtype), torch.to(weight, dtype)), 6), cap, )


def cap_slope(logits: Tensor, cap: float) -> Tensor:
    # derivative of cap * tanh(x / cap) where its value is known
    return torch.rsub(torch.square(torch.div(logits, cap)), 1.)


def chunk_backward(gradient: Tensor, hidden: Tensor, weight: Tensor, hidden_gradient: Tensor, weight_gradient: List[Tensor], start: int, length: int, dtype: int) -> Tensor:
    g = torch.to(gradient, dtype)
    h = torch.to(torch.narrow(hidden, 0, start, length), dtype)
    _1 = torch.copy_(torch.narrow(hidden_gradient, 0, start, length), torch.mm(g, torch.to(weight, dtype)))
    if torch.gt(torch.len(weight_gradient), 0):
        w = weight_gradient[0]
        if torch.eq(ops.prim.dtype(w), dtype):
            _2 = torch.addmm_(w, torch.t(g), h)
        else:
            _3 = torch.add_(w, torch.mm(torch.t(g), h))
    return hidden_gradient


def cross_entropy_(logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float) -> List[Tensor]:
    # turns logits into the gradient; a target below 0 counts nothing
    t = torch.unsqueeze(torch.clamp_min(targets, 0), 1)
    w = torch.unsqueeze(torch.mul(weights, torch.to(torch.ge(targets, 0), 6)), 1)
    # one pass of exponentials, in place: logsumexp would make them twice, once in fresh memory
    top = torch.amax(logits, [1], True)
    own = torch.gather(logits, 1, t)
    mean = own
    if torch.gt(smoothing, 0.):
        mean = torch.mean(logits, [1], True)
    p = torch.exp_(torch.sub_(logits, top))
    total_p = torch.sum(p, [1], True)
    lse = torch.add(torch.log(total_p), top)
    nll = torch.sub(lse, own)
    loss = nll
    if torch.gt(smoothing, 0.):
        uniform = torch.sub(lse, mean)
        loss = torch.add(torch.mul(nll, torch.sub(1., smoothing)), torch.mul(uniform, smoothing))
    total = torch.sum(torch.mul(loss, w))
    p = torch.div_(p, total_p)
    if torch.gt(smoothing, 0.):
        p = torch.sub_(p, torch.div(smoothing, float(torch.size(logits, 1))))
    p = torch.scatter_add_(p, 1, t, torch.full_like(lse, torch.sub(smoothing, 1.)))
    p = torch.mul_(p, w)
    return [total, p, torch.sum(torch.mul(nll, w))]


def cross_entropy_into(logits: Tensor, gradient: Tensor, targets: Tensor, weights: Tensor, smoothing: float) -> List[Tensor]:
    t = torch.unsqueeze(torch.clamp_min(targets, 0), 1)
    w = torch.unsqueeze(torch.mul(weights, torch.to(torch.ge(targets, 0), 6)), 1)
    lse = torch.logsumexp(logits, [1], True)
    nll = torch.sub(lse, torch.gather(logits, 1, t))
    loss = nll
    p = torch.exp(torch.sub(logits, lse))
    if torch.gt(smoothing, 0.):
        uniform = torch.sub(lse, torch.mean(logits, [1], True))
        loss = torch.add(torch.mul(nll, torch.sub(1., smoothing)), torch.mul(uniform, smoothing))
        p = torch.sub_(p, torch.div(smoothing, float(torch.size(logits, 1))))
    p = torch.scatter_add_(p, 1, t, torch.full_like(lse, torch.sub(smoothing, 1.)))
    _1 = torch.addcmul_(gradient, p, w)
    return [torch.sum(torch.mul(loss, w)), torch.sum(torch.mul(nll, w))]


def kl_forward_into(student: Tensor, teacher: Tensor, gradient: Tensor, weights: Tensor, temperature: float) -> Tensor:
    # sum over tokens of w T^2 KL(teacher || student), both softened by T
    w = torch.unsqueeze(weights, 1)
    s = torch.log_softmax(torch.div(student, temperature), 1)
    t = torch.log_softmax(torch.div(teacher, temperature), 1)
    p = torch.exp(t)
    kl = torch.sum(torch.mul(p, torch.sub(t, s)), [1], True)
    _1 = torch.addcmul_(gradient, torch.sub(torch.exp(s), p), torch.mul(w, temperature))
    return torch.mul(torch.sum(torch.mul(kl, w)), torch.mul(temperature, temperature))


def kl_reverse_into(student: Tensor, teacher: Tensor, gradient: Tensor, weights: Tensor, temperature: float) -> Tensor:
    w = torch.unsqueeze(weights, 1)
    s = torch.log_softmax(torch.div(student, temperature), 1)
    t = torch.log_softmax(torch.div(teacher, temperature), 1)
    p = torch.exp(s)
    d = torch.sub(s, t)
    kl = torch.sum(torch.mul(p, d), [1], True)
    _1 = torch.addcmul_(gradient, torch.mul(p, torch.sub(d, kl)), torch.mul(w, temperature))
    return torch.mul(torch.sum(torch.mul(kl, w)), torch.mul(temperature, temperature))


def token_scores(hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int, cap: float, dtype: int) -> Tensor:
    # [2, tokens]: log p(target), and 1 where the target is the best token; 0 where it is below 0
    n = torch.size(hidden, 0)
    out = annotate(List[Tensor], [])
    start = 0
    while torch.lt(start, n):
        c = ops.prim.min(chunk, torch.sub(n, start))
        h = torch.to(torch.narrow(hidden, 0, start, c), dtype)
        lg = (self).soft_cap(torch.to((self).linear_rows(h, torch.to(weight, dtype), ), 6), cap, )
        y = torch.narrow(targets, 0, start, c)
        t = torch.unsqueeze(torch.clamp_min(y, 0), 1)
        lp = torch.sub(torch.gather(lg, 1, t), torch.logsumexp(lg, [1], True))
        best = torch.unsqueeze(torch.eq(torch.argmax(lg, 1, False), y), 1)
        both = torch.t(torch.cat([lp, torch.to(best, 6)], 1))
        _1 = torch.append(out, torch.mul(both, torch.to(torch.ge(y, 0), 6)))
        start = torch.add(start, c)
    return torch.cat(out, 1)


def drawn_labels(logits: Tensor, uniforms: Tensor) -> Tensor:
    # one label a position, drawn from the softmax by inverse transform
    cumulative = torch.cumsum(torch.softmax(logits, 1), 1, dtype=7)
    index = torch.squeeze(torch.searchsorted(cumulative, torch.unsqueeze(uniforms, 1), right=True), 1)
    return torch.clamp_max(index, torch.sub(torch.size(logits, 1), 1))


def sampled_labels(hidden: Tensor, weight: Tensor, uniforms: Tensor, cap: float, dtype: int) -> Tensor:
    lg = (self).soft_cap(torch.to(torch.linear(torch.to(hidden, dtype), torch.to(weight, dtype)), 6), cap, )
    return (self).drawn_labels(lg, uniforms, )


def cross_entropy_drawn_(logits: Tensor, uniforms: Tensor, targets: Tensor, weights: Tensor) -> List[Tensor]:
    # of labels that the scores themselves give: drawn, or the likeliest where there are no uniforms
    if torch.gt(torch.numel(uniforms), 0):
        labels = (self).drawn_labels(logits, uniforms, )
    else:
        labels = torch.argmax(logits, 1)
    return (self).cross_entropy_(logits, torch.where(torch.ge(targets, 0), labels, targets), weights, 0., )
