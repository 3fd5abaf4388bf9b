# Scores of an earlier model that are stored for its most likely tokens.


def top_scores(hidden: Tensor, weight: Tensor, k: int, cap: float, dtype: int) -> List[Tensor]:
    # ids and log-probabilities of the k most likely tokens, and the log-probability of all others
    lg = (self).soft_cap(torch.to(torch.linear(torch.to(hidden, dtype), torch.to(weight, dtype)), 6), cap, )
    lp = torch.log_softmax(lg, 1)
    values, ids = torch.topk(lp, k, 1, True, True)
    if torch.eq(k, torch.size(lp, 1)):
        tail = torch.full_like(torch.select(values, 1, 0), torch.neg(inf))
    else:
        rest = torch.scatter(lp, 1, ids, torch.full_like(values, torch.neg(inf)))
        tail = torch.logsumexp(rest, [1])
    return [ids, values, tail]


def stored_kl_into(logits: Tensor, gradient: Tensor, ids: Tensor, log_probs: Tensor, tails: Tensor, shares: Tensor) -> Tensor:
    # sum of share * KL(stored || now) over k + 1 buckets, its gradient added
    w = torch.unsqueeze(shares, 1)
    lp = torch.log_softmax(torch.detach(logits), 1)
    now = torch.gather(lp, 1, ids)
    p = torch.exp(log_probs)
    q_tail = torch.exp(tails)
    has_tail = torch.gt(q_tail, 0.)
    rest = torch.scatter(lp, 1, ids, torch.full_like(log_probs, torch.neg(inf)))
    now_tail = torch.logsumexp(rest, [1])
    tail_term = torch.where(has_tail, torch.mul(q_tail, torch.sub(tails, now_tail)), torch.zeros_like(q_tail))
    kl = torch.add(torch.sum(torch.mul(p, torch.sub(log_probs, now)), [1]), tail_term)
    # d/dz = softmax - stored share of the bucket, spread over the tail as the model spreads it
    goal = torch.where(torch.unsqueeze(has_tail, 1), torch.mul(torch.exp(torch.sub(rest, torch.unsqueeze(now_tail, 1))), torch.unsqueeze(q_tail, 1)), torch.zeros_like(lp))
    goal = torch.scatter(goal, 1, ids, p)
    mass = torch.sum(goal, [1], True)
    _1 = torch.addcmul_(gradient, torch.sub(torch.mul(torch.exp(lp), mass), goal), w)
    return torch.sum(torch.where(torch.gt(shares, 0.), torch.mul(kl, shares), torch.zeros_like(shares)))


def stored_mse_into(logits: Tensor, gradient: Tensor, ids: Tensor, log_probs: Tensor, tails: Tensor, shares: Tensor) -> Tensor:
    # sum of share * mean over k of the squared difference of scores around their means
    k = torch.size(ids, 1)
    now = torch.gather(torch.detach(logits), 1, ids)
    d = torch.sub(torch.sub(now, torch.mean(now, [1], True)), torch.sub(log_probs, torch.mean(log_probs, [1], True)))
    slope = torch.mul(d, torch.mul(torch.unsqueeze(shares, 1), torch.div(2., k)))
    _1 = torch.scatter_add_(gradient, 1, ids, slope)
    return torch.sum(torch.mul(torch.mean(torch.mul(d, d), [1]), shares))
