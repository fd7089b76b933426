#include "core/tensor.h"

#include "core/graph.h"

namespace chainrule {
namespace {

bool is_row_major(const Shape& shape, const Shape& strides) {
  int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; i--) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

Device common_device(const char* op, const Tensor* const* first, size_t n) {
  const Device d = first[0]->device();
  for (size_t i = 1; i < n; i++)
    require<DeviceError>(first[i]->device() == d, op, "inputs are on ", d, " and on ", first[i]->device(),
                         "; move one with .to(...)");
  return d;
}

void open_node(const char* op, Tensor& y, const Tensor* const* first, size_t n) {
  if (!recording() || !is_float(y)) return;
  for (size_t i = 0; i < n; i++)
    if (first[i]->node()) return attach_node(op, y);
}

static_assert(sizeof(Input) == sizeof(const Tensor*));
const Tensor* const* pointers(std::initializer_list<Input> inputs) {
  return reinterpret_cast<const Tensor* const*>(inputs.begin());
}

// A few blocks of one size, kept by each thread.
struct FreeList {
  static constexpr int limit = 256;
  void* blocks[limit];
  int n = 0;
  ~FreeList() { while (n) ::operator delete(blocks[--n]); n = limit; }
};
thread_local FreeList free_list;

}  // namespace

TensorImpl::TensorImpl() = default;
TensorImpl::~TensorImpl() = default;
void destroy(TensorImpl* impl) { delete impl; }
void* TensorImpl::operator new(size_t bytes) {
  FreeList& f = free_list;
  return f.n > 0 && f.n < FreeList::limit ? f.blocks[--f.n] : ::operator new(bytes);
}
void TensorImpl::operator delete(void* p) {
  FreeList& f = free_list;
  if (f.n < FreeList::limit - 1) f.blocks[f.n++] = p;
  else ::operator delete(p);
}

Tensor::Tensor(Ref<Storage> storage, DType dtype, const Shape& shape, const Shape& strides, int64_t offset)
    : impl_(new TensorImpl) {
  impl_->dtype = dtype;
  impl_->shape = shape;
  impl_->strides = strides;
  impl_->offset = offset;
  impl_->size = count(shape);
  impl_->contiguous = is_row_major(shape, strides);
  impl_->storage = std::move(storage);
}

Tensor Tensor::detached() const {
  if (!impl_->node) return *this;
  return Tensor(impl_->storage, impl_->dtype, impl_->shape, impl_->strides, impl_->offset);
}
Tensor Tensor::attached(const Ref<Node>& node) const {
  Tensor t(impl_->storage, impl_->dtype, impl_->shape, impl_->strides, impl_->offset);
  t.impl_->node = node;
  return t;
}

Tensor output(const char* op, const Shape& shape, DType dtype, Device device) {
  const int64_t n = count(shape, op);
  return Tensor(allocate(device, size_t(n) * size_t(itemsize(dtype))), dtype, shape, row_major(shape), 0);
}
Tensor output(const char* op, const Shape& shape, DType dtype, std::initializer_list<Input> inputs) {
  Tensor y = output(op, shape, dtype, common_device(op, pointers(inputs), inputs.size()));
  open_node(op, y, pointers(inputs), inputs.size());
  return y;
}
Tensor output(const char* op, const Shape& shape, DType dtype, const std::vector<Tensor>& inputs) {
  std::vector<const Tensor*> p;
  for (const Tensor& t : inputs) p.push_back(&t);
  Tensor y = output(op, shape, dtype, common_device(op, p.data(), p.size()));
  open_node(op, y, p.data(), p.size());
  return y;
}
Tensor view(const char* op, const Tensor& x, const Shape& shape, const Shape& strides, int64_t offset) {
  Tensor y(x.storage(), x.dtype(), shape, strides, x.offset() + offset);
  const Tensor* p = &x;
  open_node(op, y, &p, 1);
  return y;
}
Device common_device(const char* op, std::initializer_list<Input> inputs) {
  return common_device(op, pointers(inputs), inputs.size());
}

}  // namespace chainrule
