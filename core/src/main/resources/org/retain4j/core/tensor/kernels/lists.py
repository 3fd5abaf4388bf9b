# Arithmetic on lists of tensors: gradients or weights of all parameters at once.


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
