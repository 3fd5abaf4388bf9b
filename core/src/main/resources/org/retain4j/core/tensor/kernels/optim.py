# Optimizer steps over lists of tensors.


def global_norm(g: List[Tensor]) -> Tensor:
    return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(g, 2)))


def clip_(g: List[Tensor], norm: Tensor, max_norm: float) -> Tensor:
    s = torch.clamp_max(torch.mul(torch.reciprocal(torch.add(norm, 1e-6)), max_norm), 1.)
    torch._foreach_mul_(g, s)
    return norm


def adamw_(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float, eps: float, weight_decay: float) -> Tensor:
    # the fused kernel walks raw memory: another size or order would read past the end
    e = annotate(List[Tensor], [])
    dense = annotate(List[Tensor], [])
    if torch.ne(torch.len(g), torch.len(p)):
        ops.prim.RaiseException("there is not one gradient for each parameter")
    for i in range(torch.len(p)):
        shape = torch.size(p[i])
        if torch.ne(torch.size(g[i]), shape):
            ops.prim.RaiseException("a gradient and its parameter differ in shape")
        if torch.ne(torch.size(m[i]), shape):
            ops.prim.RaiseException("a first moment and its parameter differ in shape")
        if torch.ne(torch.size(v[i]), shape):
            ops.prim.RaiseException("a second moment and its parameter differ in shape")
        if torch.__not__(torch.is_contiguous(p[i])):
            ops.prim.RaiseException("a parameter is not contiguous")
        if torch.__not__(torch.is_contiguous(m[i])):
            ops.prim.RaiseException("a first moment is not contiguous")
        if torch.__not__(torch.is_contiguous(v[i])):
            ops.prim.RaiseException("a second moment is not contiguous")
        _1 = torch.append(dense, torch.contiguous(g[i]))
    torch._foreach_add_(steps, 1)
    torch._fused_adamw_(p, dense, m, v, e, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=eps, amsgrad=False, maximize=False, grad_scale=None, found_inf=None)
    return steps[0]


def sgd_(p: List[Tensor], g: List[Tensor], momentum_buffers: List[Tensor], lr: float, momentum: float, weight_decay: float, first: bool) -> Tensor:
    d = g
    if torch.gt(weight_decay, 0.):
        d = torch._foreach_add(g, p, alpha=weight_decay)
    if torch.gt(momentum, 0.):
        if first:
            torch._foreach_copy_(momentum_buffers, d)
        else:
            torch._foreach_mul_(momentum_buffers, momentum)
            torch._foreach_add_(momentum_buffers, d, alpha=1)
        d = momentum_buffers
    torch._foreach_add_(p, d, alpha=torch.neg(lr))
    return p[0]


def adafactor_(p: List[Tensor], g: List[Tensor], rows: List[Tensor], columns: List[Tensor], decay: float, lr: float, eps: float, scale_eps: float, clip: float, scale_parameter: bool, weight_decay: float) -> Tensor:
    # a parameter of fewer than two dimensions keeps its whole second moment in `rows`
    rest = torch.sub(1., decay)
    for i in range(torch.len(p)):
        x = torch.detach(p[i])
        square = torch.add(torch.mul(g[i], g[i]), eps)
        if torch.ge(torch.dim(x), 2):
            r = torch.add_(torch.mul_(rows[i], decay), torch.mean(square, [-1], False), alpha=rest)
            c = torch.add_(torch.mul_(columns[i], decay), torch.mean(square, [-2], False), alpha=rest)
            left = torch.unsqueeze(torch.rsqrt(torch.div(r, torch.mean(r, [-1], True))), -1)
            update = torch.mul(torch.mul(left, torch.unsqueeze(torch.rsqrt(c), -2)), g[i])
        else:
            v = torch.add_(torch.mul_(rows[i], decay), square, alpha=rest)
            update = torch.mul(torch.rsqrt(v), g[i])
        mean_square = torch.mean(torch.mul(update, update))
        update = torch.div(update, torch.clamp_min(torch.div(torch.sqrt(mean_square), clip), 1.))
        if scale_parameter:
            size = torch.clamp_min(torch.sqrt(torch.mean(torch.mul(x, x))), scale_eps)
            update = torch.mul(update, size)
            shrink = torch.mul(size, torch.mul(weight_decay, lr))
            _1 = torch.sub_(x, torch.mul(x, shrink))
        else:
            _1 = torch.mul_(x, torch.sub(1., torch.mul(weight_decay, lr)))
        _2 = torch.sub_(x, update, alpha=lr)
    return p[0]
