# Low-rank adapters beyond the fused term of the decoder kernels, and decompositions of matrices.


def dropout_mask(like: Tensor, p: float, seed: int) -> Tensor:
    # 0 with probability p, else 1 / (1 - p); a function of the seed alone
    device = ops.prim.device(like)
    keep = torch.sub(1., p)
    g = torch.Generator(device=device, seed=seed)
    return torch.div(torch.bernoulli(torch.full(torch.size(like), keep, dtype=6, device=device), generator=g), keep)


def dora_scale(weight: Tensor, a: Tensor, b: Tensor, magnitude: Tensor, scale: float, dim: int) -> Tensor:
    # the length of W + scale B A counts as a constant in the backward pass
    changed = torch.add(torch.detach(weight), torch.matmul(torch.detach(b), torch.detach(a)), alpha=scale)
    return torch.div(magnitude, torch.linalg_vector_norm(changed, 2, [dim]))


def dora(x: Tensor, y: Tensor, weight: Tensor, bias: List[Tensor], a: Tensor, b: Tensor, magnitude: Tensor, scale: float, keep: List[Tensor], dtype: int) -> Tensor:
    m = (self).dora_scale(weight, a, b, magnitude, scale, 1, )
    h = torch.to(x, dtype)
    if torch.gt(torch.len(keep), 0):
        h = torch.mul(h, torch.to(keep[0], dtype))
        base = torch.linear(h, torch.to(weight, dtype))
    else:
        base = y
        if torch.gt(torch.len(bias), 0):
            base = torch.sub(y, torch.to(bias[0], dtype))
    low = torch.linear(torch.linear(h, torch.to(a, dtype)), torch.to(b, dtype))
    change = torch.add(torch.mul(torch.sub(m, 1.), base), torch.mul(m, low), alpha=scale)
    return torch.add(y, torch.to(change, ops.prim.dtype(y)))


def dora_weight(weight: Tensor, a: Tensor, b: Tensor, magnitude: Tensor, scale: float) -> Tensor:
    m = (self).dora_scale(weight, a, b, magnitude, scale, 1, )
    return torch.mul(torch.unsqueeze(m, 1), torch.add(weight, torch.matmul(b, a), alpha=scale))


def low_rank_weight(weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    return torch.add(torch.to(weight, 6), torch.matmul(b, a), alpha=scale)


def embedding_low_rank(ids: Tensor, y: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    columns = torch.index_select(a, 1, torch.reshape(ids, [-1]))
    low = torch.reshape(torch.mm(torch.t(columns), torch.t(b)), torch.size(y))
    return torch.add(y, low, alpha=scale)


def embedding_dora(ids: Tensor, y: Tensor, weight: Tensor, a: Tensor, b: Tensor, magnitude: Tensor, scale: float) -> Tensor:
    m = (self).dora_scale(torch.t(weight), a, b, magnitude, scale, 1, )
    return torch.mul(m, (self).embedding_low_rank(ids, y, a, b, scale, ))


def token_rows(ids: Tensor, y: Tensor, rows: Tensor, places: Tensor) -> Tensor:
    # `places` says for every id which of the rows stands for it, or -1
    at = torch.reshape(torch.index_select(places, 0, torch.reshape(ids, [-1])), torch.size(ids))
    own = torch.embedding(rows, torch.clamp_min(at, 0))
    return torch.where(torch.unsqueeze(torch.ge(at, 0), -1), own, y)


def token_scores_of(x: Tensor, y: Tensor, rows: Tensor, ids: Tensor, dtype: int) -> Tensor:
    own = torch.linear(torch.to(x, dtype), torch.to(rows, dtype))
    return torch.index_copy(y, -1, ids, torch.to(own, ops.prim.dtype(y)))


def token_weight(weight: Tensor, rows: Tensor, ids: Tensor) -> Tensor:
    return torch.index_copy(torch.to(weight, 6), 0, ids, rows)


def svd(x: Tensor) -> List[Tensor]:
    # the largest entry of each left vector is made positive, so that the factors are determined
    u, s, vh = torch.linalg_svd(x, False)
    at = torch.argmax(torch.abs(u), 0, True)
    sign = torch.sign(torch.gather(u, 0, at))
    sign = torch.where(torch.eq(sign, 0.), torch.ones_like(sign), sign)
    return [torch.mul(u, sign), s, torch.mul(torch.t(sign), vh)]


def qr(x: Tensor) -> List[Tensor]:
    q, r = torch.linalg_qr(x)
    return [q, r]


def eigh(x: Tensor) -> List[Tensor]:
    # values ascending; vectors as columns
    values, vectors = torch.linalg_eigh(x)
    return [values, vectors]


def inverse(x: Tensor) -> Tensor:
    return torch.linalg_inv(x)


def gram(x: Tensor, real: List[Tensor]) -> Tensor:
    # sum of outer products of rows in float64, without padding
    rows = torch.to(torch.reshape(x, [-1, torch.size(x, -1)]), 7)
    if torch.gt(torch.len(real), 0):
        rows = torch.mul(rows, torch.to(torch.reshape(real[0], [-1, 1]), 7))
    return torch.mm(torch.t(rows), rows)


def largest_kept(x: Tensor, k: int) -> Tensor:
    # the k entries of largest size, the others 0
    flat = torch.reshape(x, [-1])
    at = (torch.topk(torch.abs(flat), k, -1, True, True))[1]
    mask = torch.index_fill(torch.zeros_like(flat), 0, at, 1.)
    return torch.reshape(torch.mul(flat, mask), torch.size(x))


def weighted_sum(parts: List[Tensor], weights: List[float], election: int) -> Tensor:
    # election of signs as in TIES: 0 none, 1 by the sum of values, 2 by the number of signs; what
    # disagrees is left out, and the rest divided by the number of those that agree
    x = torch.stack(parts, 0)
    shape = annotate(List[int], [torch.len(weights)])
    for i in range(torch.sub(torch.dim(x), 1)):
        _1 = torch.append(shape, 1)
    w = torch.reshape(torch.tensor(weights, dtype=6, device=ops.prim.device(x)), shape)
    if torch.eq(election, 0):
        y = torch.sum(torch.mul(x, w), [0])
    else:
        votes = x
        if torch.eq(election, 2):
            votes = torch.sign(x)
        majority = torch.sub(torch.mul(torch.to(torch.ge(torch.sum(votes, [0]), 0.), 6), 2.), 1.)
        agree = torch.to(torch.eq(torch.sign(x), majority), 6)
        count = torch.clamp_min(torch.sum(agree, [0]), 1.)
        y = torch.div(torch.sum(torch.mul(torch.mul(x, w), agree), [0]), count)
    return y


def diagonal(x: Tensor) -> Tensor:
    return torch.diagonal(x, 0, 0, 1)


def row_lengths(weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    return torch.linalg_vector_norm((self).low_rank_weight(torch.detach(weight), torch.detach(a), torch.detach(b), scale, ), 2, [1])


def sign(x: Tensor) -> Tensor:
    return torch.sign(x)
