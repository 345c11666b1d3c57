#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include <functional>
#include <memory>
#include <string>

#include "fabric/precision.h"

namespace fabric::testing {

struct PrecisionCase {
  std::string name;
  std::function<std::unique_ptr<Precision>()> create;
};

/// Returns the name with what GoogleTest does not take in names left out.
inline std::string precision_case_name(const ::testing::TestParamInfo<PrecisionCase>& info) {
  std::string name = "precision_" + info.param.name;
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

/// What every precision must do.
class PrecisionConformanceTest : public ::testing::TestWithParam<PrecisionCase> {
 protected:
  std::unique_ptr<Precision> precision_ = GetParam().create();
};

TEST_P(PrecisionConformanceTest, HasTheNameThatItIsRegisteredUnder) { EXPECT_EQ(precision_->name(), GetParam().name); }

TEST_P(PrecisionConformanceTest, LeavesTensorsThatAreNotFloatingAsTheyAre) {
  for (const at::Tensor& tensor : {at::arange(3), at::ones({2}, at::kBool)}) {
    EXPECT_TRUE(precision_->convert_input(tensor).is_same(tensor));
    EXPECT_TRUE(precision_->convert_output(tensor).is_same(tensor));
  }
}

TEST_P(PrecisionConformanceTest, ScopesRestoreTheDefaultDtype) {
  const auto before = at::get_default_dtype();

  for (auto open : {&Precision::forward_scope, &Precision::init_scope}) {
    try {
      const std::unique_ptr<PrecisionScope> scope = ((*precision_).*open)();
      throw 1;
    } catch (int) {
    }

    EXPECT_EQ(at::get_default_dtype(), before);
  }
}

TEST_P(PrecisionConformanceTest, TrainsAModelAsItsUserExpects) {
  torch::nn::Linear model(2, 1);
  precision_->convert_module(*model);
  torch::optim::SGD optimizer(model->parameters(), 0.5);
  const at::Tensor before = model->bias.detach().clone();

  at::Tensor output;
  {
    const auto scope = precision_->forward_scope();
    output = model->forward(precision_->convert_input(at::ones({4, 2})));
  }
  precision_->pre_backward(precision_->convert_output(output).sum()).backward();
  precision_->unscale_gradients(optimizer);
  EXPECT_EQ(model->bias.grad().item<double>(), 4);
  precision_->optimizer_step(optimizer, nullptr);

  EXPECT_TRUE(at::allclose(model->bias, before - 2));
}

TEST_P(PrecisionConformanceTest, StepsWithTheLossOfAClosure) {
  torch::nn::Linear model(2, 1);
  precision_->convert_module(*model);
  torch::optim::SGD optimizer(model->parameters(), 0.5);
  const auto closure = [&] {
    const at::Tensor loss = model->forward(precision_->convert_input(at::ones({4, 2}))).sum();
    precision_->pre_backward(loss).backward();
    return loss;
  };

  EXPECT_TRUE(precision_->optimizer_step(optimizer, closure).defined());
}

}  // namespace fabric::testing
