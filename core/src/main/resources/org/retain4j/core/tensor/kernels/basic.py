# Creation, conversion and elementary operators, one method an operator.


def scalar_type(x: Tensor) -> Tensor:
    return torch.tensor(ops.prim.dtype(x), dtype=4)


def requires_grad(x: Tensor) -> Tensor:
    return torch.tensor(ops.prim.requires_grad(x), dtype=4)


def is_leaf(x: Tensor) -> Tensor:
    return torch.tensor(torch.is_leaf(x), dtype=4)


def element_type(dtype: int) -> int:
    # operators look a number up without asking whether there is such a type
    if torch.lt(dtype, 0):
        ops.prim.RaiseException("there is no element type of this number")
    if torch.gt(dtype, 44):
        ops.prim.RaiseException("there is no element type of this number")
    return dtype


def empty(shape: List[int], dtype: int, device: str) -> Tensor:
    return torch.empty(shape, dtype=(self).element_type(dtype, ), device=torch.device(device))


def full(shape: List[int], value: float, dtype: int, device: str) -> Tensor:
    return torch.full(shape, value, dtype=(self).element_type(dtype, ), device=torch.device(device))


def arange(start: int, end: int, device: str) -> Tensor:
    return torch.arange(start, end, dtype=4, device=torch.device(device))


def like(x: Tensor, value: float) -> Tensor:
    return torch.full_like(x, value)


def to_dtype(x: Tensor, dtype: int) -> Tensor:
    return torch.to(x, (self).element_type(dtype, ), False, True)


def to_device(x: Tensor, device: str) -> Tensor:
    return torch.to(x, torch.device(device), ops.prim.dtype(x), False, True)


def clone(x: Tensor) -> Tensor:
    return torch.clone(x, memory_format=0)


def contiguous(x: Tensor) -> Tensor:
    return torch.contiguous(x)


def detach(x: Tensor) -> Tensor:
    return torch.detach(x)


def add(x: Tensor, y: Tensor) -> Tensor:
    return torch.add(x, y)


def add_scalar(x: Tensor, y: float) -> Tensor:
    return torch.add(x, y)


def sub(x: Tensor, y: Tensor) -> Tensor:
    return torch.sub(x, y)


def mul(x: Tensor, y: Tensor) -> Tensor:
    return torch.mul(x, y)


def mul_scalar(x: Tensor, y: float) -> Tensor:
    return torch.mul(x, y)


def div(x: Tensor, y: Tensor) -> Tensor:
    return torch.div(x, y)


def pow_scalar(x: Tensor, y: float) -> Tensor:
    return torch.pow(x, y)


def neg(x: Tensor) -> Tensor:
    return torch.neg(x)


def exp(x: Tensor) -> Tensor:
    return torch.exp(x)


def log(x: Tensor) -> Tensor:
    return torch.log(x)


def sqrt(x: Tensor) -> Tensor:
    return torch.sqrt(x)


def abs(x: Tensor) -> Tensor:
    return torch.abs(x)


def tanh(x: Tensor) -> Tensor:
    return torch.tanh(x)


def clamp(x: Tensor, low: float, high: float) -> Tensor:
    return torch.clamp(x, low, high)


def matmul(x: Tensor, y: Tensor) -> Tensor:
    return torch.matmul(x, y)


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    return torch.transpose(x, dim0, dim1)


def reshape(x: Tensor, shape: List[int]) -> Tensor:
    return torch.reshape(x, shape)


def select(x: Tensor, dim: int, index: int) -> Tensor:
    return torch.select(x, dim, index)


def narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    return torch.narrow(x, dim, start, length)


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    return torch.index_select(x, dim, index)


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    return torch.gather(x, dim, index)


def cat(xs: List[Tensor], dim: int) -> Tensor:
    return torch.cat(xs, dim)


def stack(xs: List[Tensor], dim: int) -> Tensor:
    return torch.stack(xs, dim)


def sum(x: Tensor) -> Tensor:
    return torch.sum(x)


def sum_dim(x: Tensor, dim: int, keep: bool) -> Tensor:
    return torch.sum(x, [dim], keep)


def mean(x: Tensor) -> Tensor:
    return torch.mean(x)


def mean_dim(x: Tensor, dim: int, keep: bool) -> Tensor:
    return torch.mean(x, [dim], keep)


def max(x: Tensor) -> Tensor:
    return torch.max(x)


def argmax_dim(x: Tensor, dim: int) -> Tensor:
    return torch.argmax(x, dim, False)


def norm(x: Tensor) -> Tensor:
    return torch.linalg_vector_norm(x)


def log_softmax(x: Tensor, dim: int) -> Tensor:
    return torch.log_softmax(x, dim)


def softmax(x: Tensor, dim: int) -> Tensor:
    return torch.softmax(x, dim)


def equal(x: Tensor, y: Tensor) -> Tensor:
    return torch.eq(x, y)


def copy_(x: Tensor, y: Tensor) -> Tensor:
    return torch.copy_(x, y)


def add_(x: Tensor, y: Tensor, alpha: float) -> Tensor:
    return torch.add_(x, y, alpha=alpha)


def mul_scalar_(x: Tensor, y: float) -> Tensor:
    return torch.mul_(x, y)


def all_finite(x: Tensor) -> Tensor:
    return torch.all(torch.isfinite(x))


def pinned(count: int, dtype: int) -> Tensor:
    # memory that a GPU reads by itself
    return torch.empty([count], dtype=(self).element_type(dtype, ), device=torch.device("cpu"), pin_memory=True)


def copy_part_(x: Tensor, start: int, y: Tensor, count: int) -> Tensor:
    # a view and never a copy of x, which must be written
    return torch.copy_(torch.narrow(torch.view(torch.detach(x), [-1]), 0, start, count), torch.narrow(y, 0, 0, count))
