# The feed-forward layer with a backward pass by hand: a graph would keep the activation, its product
# with the gate and both forms of the norm as well, all of which cost less to make again than to hold.


def mlp_keep(x: Tensor, norm: List[Tensor], kind: int, eps: float, weights: List[Tensor], biases: List[Tensor], layout: int, activation: int, out_norm: List[Tensor], out_kind: int, out_eps: float, dtype: int) -> List[Tensor]:
    # the output, then what mlp_backward keeps: the first layers' outputs, and the last one's where
    # a norm follows
    h = torch.to((self).normed(x, norm, kind, eps, ), dtype)
    last = torch.sub(torch.len(weights), 1)
    p = (self).linears(h, weights, biases, 0, last, dtype, )
    y = (self).linears((self).mlp_inner(p, layout, activation, ), weights, biases, last, 1, dtype, )[0]
    out = [torch.add(x, (self).normed(y, out_norm, out_kind, out_eps, ))]
    for i in range(last):
        _1 = torch.append(out, p[i])
    if torch.ne(out_kind, 0):
        _2 = torch.append(out, y)
    return out


def normed_backward(x: Tensor, normed_x: Tensor, norm: List[Tensor], grad: Tensor) -> List[Tensor]:
    # gradients of x and of those weights of its norm that are given
    inputs = [x]
    for i in range(torch.len(norm)):
        _1 = torch.append(inputs, norm[i])
    go = annotate(List[Optional[Tensor]], [grad])
    gs = torch.autograd.grad([normed_x], inputs, go, None, False, True)
    return (self).filled(gs, inputs, )


def activated_backward_(grad: Tensor, x: Tensor, activation: int) -> Tensor:
    if torch.eq(activation, 0):
        g = torch.silu_backward(grad, x)
    elif torch.eq(activation, 1):
        g = torch.gelu_backward(grad, x, approximate="none")
    elif torch.eq(activation, 2):
        g = torch.gelu_backward(grad, x, approximate="tanh")
    else:
        g = torch.mul_(grad, torch.to(torch.gt(x, 0.), ops.prim.dtype(grad)))
    return g


def layer_gradients(rows: Tensor, h: Tensor, weights: List[Tensor], biases: List[Tensor], layer: int, wanted: List[int]) -> List[Tensor]:
    # of weight and bias where they are wanted: `wanted` has a flag a weight, then one a bias
    out = annotate(List[Tensor], [])
    if torch.ne(wanted[layer], 0):
        g = torch.to(torch.mm(torch.t(rows), h), ops.prim.dtype(weights[layer]))
        _1 = torch.append(out, g)
    if torch.gt(torch.len(biases), 0):
        if torch.ne(wanted[torch.add(torch.len(weights), layer)], 0):
            b = torch.to(torch.sum(rows, [0]), ops.prim.dtype(biases[layer]))
            _2 = torch.append(out, b)
    return out


def mlp_backward(x: Tensor, kept: List[Tensor], grad: Tensor, norm: List[Tensor], kind: int, eps: float, weights: List[Tensor], biases: List[Tensor], layout: int, activation: int, out_norm: List[Tensor], out_kind: int, out_eps: float, wanted: List[int], norm_wanted: List[Tensor], out_norm_wanted: List[Tensor], dtype: int) -> List[Tensor]:
    # gradients of the wanted ones of norm, weights and biases (layer by layer), out_norm, then x;
    # to be called while recording, for the norms
    last = torch.sub(torch.len(weights), 1)
    w = annotate(List[Tensor], [])
    for i in range(torch.len(weights)):
        _1 = torch.append(w, torch.to(torch.detach(weights[i]), dtype))
    leaf = torch.requires_grad_(torch.detach(x), True)
    n = (self).normed(leaf, norm, kind, eps, )
    h = torch.reshape(torch.to(torch.detach(n), dtype), [-1, torch.size(x, -1)])
    g = grad
    out_gradients = annotate(List[Tensor], [])
    if torch.ne(out_kind, 0):
        y = torch.requires_grad_(torch.detach(kept[last]), True)
        out_gradients = (self).normed_backward(y, (self).normed(y, out_norm, out_kind, out_eps, ), out_norm_wanted, grad, )
        g = torch.pop(out_gradients, 0)
    g = torch.reshape(torch.to(g, dtype), [-1, torch.size(g, -1)])
    # inner = activated(gate) * up
    gate = torch.reshape(kept[0], [-1, torch.size(kept[0], -1)])
    up = gate
    if torch.eq(layout, 0):
        up = torch.reshape(kept[1], [-1, torch.size(kept[1], -1)])
    elif torch.eq(layout, 1):
        gate, up = torch.chunk(gate, 2, -1)
    active = (self).activated(gate, activation, )
    inner = active
    if torch.lt(layout, 2):
        inner = torch.mul(active, up)
    last_gradients = (self).layer_gradients(g, inner, weights, biases, last, wanted, )
    inner = torch.mm(g, w[last])
    p = annotate(List[Tensor], [])
    if torch.eq(layout, 2):
        _2 = torch.append(p, (self).activated_backward_(inner, gate, activation, ))
    else:
        up_gradient = torch.mul_(active, inner)
        gate_gradient = (self).activated_backward_(torch.mul_(inner, up), gate, activation, )
        if torch.eq(layout, 0):
            _3 = torch.append(p, gate_gradient)
            _4 = torch.append(p, up_gradient)
        else:
            _5 = torch.append(p, torch.cat([gate_gradient, up_gradient], -1))
    into = torch.mm(p[0], w[0])
    for i in range(1, torch.len(p), 1):
        into = torch.addmm_(into, p[i], w[i])
    first_gradients = annotate(List[Tensor], [])
    for i in range(last):
        for one in (self).layer_gradients(p[i], h, weights, biases, i, wanted, ):
            _6 = torch.append(first_gradients, one)
    into = torch.to(torch.reshape(into, torch.size(x)), ops.prim.dtype(x))
    if torch.eq(kind, 0):
        gradients = [into]
    else:
        gradients = (self).normed_backward(leaf, n, norm_wanted, into, )
    x_gradient = torch.add(torch.pop(gradients, 0), grad)
    out = annotate(List[Tensor], [])
    for one in [gradients, first_gradients, last_gradients, out_gradients, [x_gradient]]:
        for i in range(torch.len(one)):
            _7 = torch.append(out, one[i])
    return out
