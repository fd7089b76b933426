// A tensor: a view (shape, strides, offset, type) of counted bytes, and, while a transform records, its node.
#pragma once
#include <initializer_list>
#include <vector>

#include "core/device.h"
#include "core/dtype.h"
#include "core/shape.h"

namespace chainrule {

struct Node;
void destroy(Node* node);

struct TensorImpl {
  std::atomic<int64_t> references{0};
  DType dtype;
  bool weak = false;            // made from a Python number: takes part in promotion by kind only
  bool contiguous = true;       // row-major without gaps
  Shape shape, strides;         // strides in elements
  int64_t offset = 0;           // first element, in elements
  int64_t size = 1;
  Ref<Storage> storage;
  Ref<Node> node;

  TensorImpl();
  ~TensorImpl();                // not inline: Node is complete only in graph.h
  static void* operator new(size_t bytes);
  static void operator delete(void* p);
};
void destroy(TensorImpl* impl);

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}
  // A view of `storage`; the caller answers for its bounds.
  Tensor(Ref<Storage> storage, DType dtype, const Shape& shape, const Shape& strides, int64_t offset);

  explicit operator bool() const { return bool(impl_); }
  const Shape& shape() const { return impl_->shape; }
  const Shape& strides() const { return impl_->strides; }
  int64_t dim(int axis) const { return impl_->shape[axis]; }
  int64_t stride(int axis) const { return impl_->strides[axis]; }
  int ndim() const { return impl_->shape.size(); }
  int64_t size() const { return impl_->size; }
  int64_t offset() const { return impl_->offset; }
  DType dtype() const { return impl_->dtype; }
  Device device() const { return impl_->storage->device; }
  bool contiguous() const { return impl_->contiguous; }
  bool weak() const { return impl_->weak; }
  const Ref<Storage>& storage() const { return impl_->storage; }
  const Ref<Node>& node() const { return impl_->node; }
  TensorImpl* impl() const { return impl_.get(); }

  template <class T> T* data() const {
    return reinterpret_cast<T*>(impl_->storage->data) + impl_->offset;
  }
  void* bytes() const {
    return static_cast<char*>(impl_->storage->data) + impl_->offset * itemsize(impl_->dtype);
  }

  Tensor detached() const;                       // the same bytes without a node
  Tensor attached(const Ref<Node>& node) const;  // the same bytes with this node

 private:
  Ref<TensorImpl> impl_;
};

inline bool is_float(const Tensor& t) { return is_float(t.dtype()); }
inline bool is_integer(const Tensor& t) { return is_integer(t.dtype()); }

// An input of an op, named without touching its count.
struct Input {
  const Tensor* tensor;
  Input(const Tensor& t) : tensor(&t) {}
};

// Step 2 of an op: check that all inputs are on one device, open the bytes, and, when recording, the node.
Tensor output(const char* op, const Shape& shape, DType dtype, std::initializer_list<Input> inputs);
Tensor output(const char* op, const Shape& shape, DType dtype, const std::vector<Tensor>& inputs);
// The same without inputs: creation, and ops whose derivative is zero everywhere.
Tensor output(const char* op, const Shape& shape, DType dtype, Device device);
// An output that shares the bytes of x; offset is relative to x's first element.
Tensor view(const char* op, const Tensor& x, const Shape& shape, const Shape& strides, int64_t offset);
Device common_device(const char* op, std::initializer_list<Input> inputs);

}  // namespace chainrule
