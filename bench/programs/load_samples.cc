// Reads a dataset through fabric.setup_dataloader() as fast as it comes, and prints how many samples that were in how many seconds,
// and a checksum of an epoch before: load_samples.py does the same with Python's DataLoader.
//
//   load_samples --set=digits|images --path=FILE|DIRECTORY --workers=N --epochs=N

#include <fabric/fabric.h>
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "../../examples/gzip_file.h"

namespace {

/// The digits of examples/, in memory.
class Digits {
 public:
  explicit Digits(const std::string& path) {
    for (const std::string& line : examples::read_lines(path)) {
      std::istringstream row(line);
      std::vector<float> numbers;
      for (std::string cell; std::getline(row, cell, ',');) numbers.push_back(std::stof(cell));
      images_.push_back(torch::tensor(std::vector<float>(numbers.begin(), numbers.begin() + 64)) / 16);
      labels_.push_back(static_cast<int64_t>(numbers.at(64)));
    }
  }
  size_t size() const { return images_.size(); }
  std::pair<torch::Tensor, int64_t> get(size_t index) const { return {images_[index], labels_[index]}; }

 private:
  std::vector<torch::Tensor> images_;
  std::vector<int64_t> labels_;
};

/// The PNG images of a directory, decoded each time.
class Images {
 public:
  explicit Images(const std::string& directory) {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) paths_.push_back(entry.path().string());
    std::sort(paths_.begin(), paths_.end());
  }
  size_t size() const { return paths_.size(); }
  std::pair<torch::Tensor, int64_t> get(size_t index) const {
    return {decode(paths_[index]), static_cast<int64_t>(index % 10)};
  }

 private:
  /// Returns an image as uint8 {height, width, 3}.
  static torch::Tensor decode(const std::string& path) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (png_image_begin_read_from_file(&image, path.c_str()) == 0)
      throw fabric::SystemError(path + ": " + image.message);
    image.format = PNG_FORMAT_RGB;
    torch::Tensor pixels = torch::empty({image.height, image.width, 3}, torch::kByte);
    if (png_image_finish_read(&image, nullptr, pixels.data_ptr<uint8_t>(), 0, nullptr) == 0) {
      throw fabric::SystemError(path + ": " + image.message);
    }
    return pixels;
  }

  std::vector<std::string> paths_;
};

uint32_t add_bytes(uint32_t checksum, const torch::Tensor& tensor) {
  const torch::Tensor whole = tensor.contiguous();
  return static_cast<uint32_t>(
      ::crc32(checksum, static_cast<const Bytef*>(whole.const_data_ptr()), static_cast<uInt>(whole.nbytes())));
}

template <class D>
void measure(fabric::Fabric& fabric, D dataset, int workers, int64_t epochs) {
  const auto loader =
      fabric.setup_dataloader(std::move(dataset), {.batch_size = 64, .shuffle = true, .num_workers = workers});
  uint32_t checksum = 0;
  for (const auto& [images, labels] : loader) checksum = add_bytes(add_bytes(checksum, images), labels);
  int64_t samples = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    for (const auto& [images, labels] : loader) samples += labels.size(0);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  fabric.print(R"({"samples": )", samples, R"(, "seconds": )", seconds.count(), R"(, "checksum": )", checksum, "}");
}

}  // namespace

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  fabric.seed_everything(0);
  const std::string path = args.path("path");
  const int workers = args.get<int>("workers");
  const auto epochs = args.get<int64_t>("epochs");
  if (args.get("set") == "digits") {
    measure(fabric, Digits(path), workers, epochs);
  } else {
    measure(fabric, Images(path), workers, epochs);
  }
  return 0;
}
FABRIC_PROGRAM(train);
