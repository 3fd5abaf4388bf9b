# Gradients as plain lists; a parameter that the output does not depend on gets zeros.


def filled(gs: List[Optional[Tensor]], inputs: List[Tensor]) -> List[Tensor]:
    out = annotate(List[Tensor], [])
    for i in range(torch.len(gs)):
        g = gs[i]
        if torch.__is__(g, None):
            r = torch.zeros_like(inputs[i])
        else:
            r = unchecked_cast(Tensor, g)
        _1 = torch.append(out, r)
    return out


def grad(outputs: List[Tensor], inputs: List[Tensor]) -> List[Tensor]:
    gs = torch.autograd.grad(outputs, inputs, None, None, False, True)
    return (self).filled(gs, inputs, )


def grad_output(output: Tensor, grad: Tensor, inputs: List[Tensor]) -> List[Tensor]:
    go = annotate(List[Optional[Tensor]], [grad])
    gs = torch.autograd.grad([output], inputs, go, None, False, True)
    return (self).filled(gs, inputs, )
