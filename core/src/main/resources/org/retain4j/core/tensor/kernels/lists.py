# Arithmetic on lists of tensors: gradients, anchors and importances of all parameters at once.


def list_add_(a: List[Tensor], b: List[Tensor], alpha: float) -> Tensor:
    torch._foreach_add_(a, b, alpha=alpha)
    return a[0]


def list_mul_scalar_(a: List[Tensor], s: float) -> Tensor:
    torch._foreach_mul_(a, s)
    return a[0]


def list_clone(a: List[Tensor]) -> List[Tensor]:
    out = annotate(List[Tensor], [])
    for i in range(torch.len(a)):
        _1 = torch.append(out, torch.clone(torch.detach(a[i]), memory_format=0))
    return out


def list_zeros_like(a: List[Tensor]) -> List[Tensor]:
    out = annotate(List[Tensor], [])
    for i in range(torch.len(a)):
        _1 = torch.append(out, torch.zeros_like(torch.detach(a[i])))
    return out


def list_add_square_(a: List[Tensor], b: List[Tensor]) -> Tensor:
    torch._foreach_addcmul_(a, b, b)
    return a[0]


def list_lerp_(a: List[Tensor], b: List[Tensor], weight: float) -> Tensor:
    torch._foreach_lerp_(a, b, weight)
    return a[0]


def list_sum(a: List[Tensor]) -> Tensor:
    s = torch.zeros([], dtype=7)
    for i in range(torch.len(a)):
        s = torch.add(s, torch.to(torch.sum(a[i], dtype=7), torch.device("cpu"), 7))
    return s


def list_dot(a: List[Tensor], b: List[Tensor]) -> Tensor:
    s = torch.zeros([], dtype=7)
    for i in range(torch.len(a)):
        s = torch.add(s, torch.to(torch.sum(torch.mul(a[i], b[i]), dtype=7), torch.device("cpu"), 7))
    return s


def penalty_value(p: List[Tensor], anchor: List[Tensor], importance: List[Tensor]) -> Tensor:
    # sum of b (p - anchor)^2 in float64; no importance means b = 1
    s = torch.zeros([], dtype=7)
    for i in range(torch.len(p)):
        d = torch.sub(torch.detach(p[i]), anchor[i])
        q = torch.mul(d, d)
        if torch.gt(torch.len(importance), 0):
            q = torch.mul(q, importance[i])
        s = torch.add(s, torch.to(torch.sum(q, dtype=7), torch.device("cpu"), 7))
    return s


def penalty_gradient_(g: List[Tensor], p: List[Tensor], anchor: List[Tensor], importance: List[Tensor], factor: float) -> Tensor:
    # g += factor * b * (p - anchor); returns the norm of what was added
    s = torch.zeros([], dtype=7)
    for i in range(torch.len(p)):
        d = torch.mul(torch.sub(torch.detach(p[i]), anchor[i]), factor)
        if torch.gt(torch.len(importance), 0):
            d = torch.mul_(d, importance[i])
        s = torch.add(s, torch.to(torch.sum(torch.mul(d, d), dtype=7), torch.device("cpu"), 7))
        _1 = torch.add_(g[i], d)
    return torch.sqrt(s)


def penalty_decoupled_(p: List[Tensor], anchor: List[Tensor], importance: List[Tensor], step: float, proximal: bool) -> Tensor:
    # step = 2 lr lambda: p -= step b (p - anchor), or the fixed point of that, stable for any step;
    # the limits keep an overflow from becoming inf / inf or 0 * inf
    step = ops.prim.min(step, 1e30)
    for i in range(torch.len(p)):
        x = torch.detach(p[i])
        d = torch.sub(x, anchor[i])
        if torch.gt(torch.len(importance), 0):
            k = torch.mul(importance[i], step)
        else:
            k = torch.full_like(d, step)
        if proximal:
            k = torch.clamp_max(k, 1e30)
            k = torch.div(k, torch.add(k, 1.))
        _1 = torch.sub_(x, torch.mul(k, d))
    return p[0]
