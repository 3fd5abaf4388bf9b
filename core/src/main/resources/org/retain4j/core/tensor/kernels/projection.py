# Projections of gradients and updates, and optimizers that hold back a part of a step.


def list_sub(a: List[Tensor], b: List[Tensor]) -> List[Tensor]:
    out = annotate(List[Tensor], [])
    for i in range(torch.len(a)):
        _1 = torch.append(out, torch.sub(torch.detach(a[i]), b[i]))
    return out


def list_dot64(a: List[Tensor], b: List[Tensor]) -> Tensor:
    # summed in float64: over 100 million entries float32 loses the sign of a small product
    s = torch.zeros([], dtype=7)
    for i in range(torch.len(a)):
        x = torch.reshape(a[i], [-1])
        y = torch.reshape(b[i], [-1])
        n = torch.numel(x)
        start = 0
        while torch.lt(start, n):
            c = ops.prim.min(1048576, torch.sub(n, start))
            u = torch.to(torch.narrow(x, 0, start, c), 7)
            v = torch.to(torch.narrow(y, 0, start, c), 7)
            s = torch.add(s, torch.to(torch.dot(u, v), torch.device("cpu"), 7))
            start = torch.add(start, c)
    return s


def list_axpy_(a: List[Tensor], b: List[Tensor], factor: float) -> Tensor:
    for i in range(torch.len(a)):
        _1 = torch.add_(torch.detach(a[i]), b[i], alpha=factor)
    return torch.zeros([])


def subspace_remove_(x: Tensor, basis: Tensor, transposed: bool) -> Tensor:
    # x minus its part in the span of the columns of basis, on the side of the inputs
    d = torch.detach(x)
    b = torch.to(basis, ops.prim.dtype(d))
    if transposed:
        _1 = torch.sub_(d, torch.matmul(b, torch.matmul(torch.t(b), d)))
    else:
        _2 = torch.sub_(d, torch.matmul(torch.matmul(d, b), torch.t(b)))
    return torch.zeros([])


def subspace_keep_(x: Tensor, before: Tensor, basis: Tensor, transposed: bool) -> Tensor:
    # takes the part in the subspace out of x - before
    d = torch.sub(torch.detach(x), before)
    _1 = (self).subspace_remove_(d, basis, transposed, )
    _2 = torch.copy_(torch.detach(x), torch.add(before, d))
    return torch.zeros([])


def list_concatenate(a: List[Tensor]) -> Tensor:
    # side by side: the columns of all
    return torch.cat(a, 1)


def principal_directions(moment: Tensor, known: List[Tensor], share: float) -> Tensor:
    # directions of a second moment beyond those known, until they hold the share of its trace, in float64
    total = torch.trace(moment)
    rest = moment
    held = torch.zeros([], dtype=7)
    if torch.gt(torch.len(known), 0):
        b = torch.to(known[0], 7)
        outside = torch.sub(torch.eye(torch.size(moment, 0), dtype=7, device=ops.prim.device(moment)), torch.matmul(b, torch.t(b)))
        held = torch.trace(torch.matmul(torch.t(b), torch.matmul(moment, b)))
        rest = torch.matmul(outside, torch.matmul(moment, outside))
    values, vectors = torch.linalg_eigh(rest)
    n = torch.size(values, 0)
    count = 0
    goal = torch.mul(total, share)
    while torch.__and__(torch.lt(count, n), bool(torch.lt(held, goal))):
        held = torch.add(held, torch.clamp_min(values[torch.sub(torch.sub(n, count), 1)], 0.))
        count = torch.add(count, 1)
    return torch.contiguous(torch.narrow(vectors, 1, torch.sub(n, count), count))


def sharpness_step_(p: List[Tensor], g: List[Tensor], rho: float, adaptive: bool, eta: float) -> Tensor:
    # p += rho * T^2 g / |T g|, T = |p| + eta or 1
    s = torch.zeros([], dtype=7)
    for i in range(torch.len(p)):
        t = g[i]
        if adaptive:
            t = torch.mul(t, torch.add(torch.abs(torch.detach(p[i])), eta))
        s = torch.add(s, torch.to(torch.sum(torch.mul(t, t), dtype=7), torch.device("cpu"), 7))
    norm = float(torch.sqrt(s))
    if torch.gt(norm, 0.):
        for i in range(torch.len(p)):
            x = torch.detach(p[i])
            t = g[i]
            if adaptive:
                w = torch.add(torch.abs(x), eta)
                t = torch.mul(t, torch.mul(w, w))
            _1 = torch.add_(x, t, alpha=torch.div(rho, norm))
    return s


def momentum_filter_(p: Tensor, before: Tensor, momentum: Tensor, keep: int) -> Tensor:
    # only the entries with the largest momenta move; ties move too
    m = torch.abs(torch.reshape(momentum, [-1]))
    n = torch.numel(m)
    threshold = (torch.kthvalue(m, torch.add(torch.sub(n, keep), 1)))[0]
    stays = torch.lt(torch.abs(momentum), threshold)
    _1 = torch.copy_(torch.detach(p), torch.where(stays, before, torch.detach(p)))
    return torch.zeros([])


def graft_(p: Tensor, base: Tensor, keep: int) -> Tensor:
    # keeps the largest changes, all else goes back to the base
    d = torch.sub(torch.detach(p), base)
    m = torch.abs(torch.reshape(d, [-1]))
    n = torch.numel(m)
    threshold = (torch.kthvalue(m, torch.add(torch.sub(n, keep), 1)))[0]
    stays = torch.lt(torch.abs(d), threshold)
    _1 = torch.copy_(torch.detach(p), torch.where(stays, base, torch.detach(p)))
    return torch.zeros([])


def label_logits_into(logits: Tensor, gradient: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    # sum of weight * logit of the label, its gradient added
    y = torch.unsqueeze(torch.clamp_min(targets, 0), 1)
    w = torch.unsqueeze(torch.mul(weights, torch.to(torch.ge(targets, 0), 6)), 1)
    _1 = torch.scatter_add_(gradient, 1, y, w)
    return torch.sum(torch.mul(torch.gather(torch.detach(logits), 1, y), w))


def jsd_into(student: Tensor, teacher: Tensor, gradient: Tensor, weights: Tensor, temperature: float, beta: float) -> Tensor:
    # w T^2 (beta KL(teacher || m) + (1 - beta) KL(student || m)), m = beta teacher + (1 - beta) student
    w = torch.unsqueeze(weights, 1)
    s = torch.log_softmax(torch.div(student, temperature), 1)
    t = torch.log_softmax(torch.div(teacher, temperature), 1)
    p = torch.exp(s)
    q = torch.exp(t)
    m = torch.log(torch.clamp_min(torch.add(torch.mul(q, beta), torch.mul(p, torch.sub(1., beta))), 1e-38))
    forward = torch.sum(torch.mul(q, torch.sub(t, m)), [1], True)
    d = torch.sub(s, m)
    backward = torch.sum(torch.mul(p, d), [1], True)
    slope = torch.mul(p, torch.sub(d, backward))
    _1 = torch.addcmul_(gradient, slope, torch.mul(w, torch.mul(temperature, torch.sub(1., beta))))
    value = torch.add(torch.mul(forward, beta), torch.mul(backward, torch.sub(1., beta)))
    return torch.mul(torch.sum(torch.mul(value, w)), torch.mul(temperature, temperature))


def k3_into(student: Tensor, teacher: Tensor, targets: Tensor, gradient: Tensor, weights: Tensor, temperature: float) -> Tensor:
    # w T^2 (exp(r) - 1 - r), r = log teacher - log student at the label
    y = torch.unsqueeze(torch.clamp_min(targets, 0), 1)
    w = torch.unsqueeze(torch.mul(weights, torch.to(torch.ge(targets, 0), 6)), 1)
    s = torch.log_softmax(torch.div(student, temperature), 1)
    t = torch.log_softmax(torch.div(teacher, temperature), 1)
    r = torch.sub(torch.gather(t, 1, y), torch.gather(s, 1, y))
    e = torch.expm1(r)
    # d value / d log student = 1 - exp(r) = -e
    scaled = torch.mul(torch.mul(e, w), temperature)
    _1 = torch.add_(gradient, torch.mul(torch.exp(s), scaled))
    _2 = torch.scatter_add_(gradient, 1, y, torch.neg(scaled))
    return torch.mul(torch.sum(torch.mul(torch.sub(e, r), w)), torch.mul(temperature, temperature))
