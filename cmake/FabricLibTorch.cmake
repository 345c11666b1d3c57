# LibTorch as imported targets: fabric_libtorch (torch_cpu, c10 and the headers) and fabric_libtorch_cuda.
#
# TorchConfig.cmake is not used: that of a CUDA wheel demands nvcc, and its `torch` target pulls in libtorch_cuda.

set(fabric_libtorch_version 2.11.0)
if(NOT FABRIC_LIBTORCH_DIR)
  find_path(FABRIC_TORCH_SHARE TorchConfig.cmake PATH_SUFFIXES share/cmake/Torch NO_CMAKE_FIND_ROOT_PATH
    NO_DEFAULT_PATH PATHS ${CMAKE_PREFIX_PATH})
  if(FABRIC_TORCH_SHARE)
    get_filename_component(fabric_torch_root ${FABRIC_TORCH_SHARE}/../../.. ABSOLUTE)
  else()
    execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/setup --print-libtorch OUTPUT_VARIABLE fabric_libtorch_dir
      OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    set(fabric_torch_root ${fabric_libtorch_dir}/torch)
  endif()
else()
  set(fabric_torch_root ${FABRIC_LIBTORCH_DIR}/torch)
endif()
if(NOT EXISTS ${fabric_torch_root}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "LibTorch must be at '${fabric_torch_root}', but lib/libtorch_cpu.so is not there; run scripts/setup, "
    "or name your own with -DFABRIC_LIBTORCH_DIR=<the directory that holds torch/> or -DCMAKE_PREFIX_PATH=<.../torch>")
endif()
file(READ ${fabric_torch_root}/include/torch/headeronly/version.h fabric_torch_version_h)
foreach(part MAJOR MINOR PATCH)
  string(REGEX MATCH "#define TORCH_VERSION_${part} ([0-9]+)" _ "${fabric_torch_version_h}")
  list(APPEND fabric_torch_version_parts ${CMAKE_MATCH_1})
endforeach()
list(JOIN fabric_torch_version_parts "." FABRIC_TORCH_VERSION)
if(NOT FABRIC_TORCH_VERSION VERSION_EQUAL fabric_libtorch_version)
  message(WARNING "Fabric is tested with LibTorch ${fabric_libtorch_version}, but '${fabric_torch_root}' is ${FABRIC_TORCH_VERSION}")
endif()

add_library(fabric_libtorch INTERFACE)
target_include_directories(fabric_libtorch SYSTEM INTERFACE
  ${fabric_torch_root}/include ${fabric_torch_root}/include/torch/csrc/api/include)
target_compile_definitions(fabric_libtorch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO)
target_link_directories(fabric_libtorch INTERFACE ${fabric_torch_root}/lib)
target_link_libraries(fabric_libtorch INTERFACE
  ${fabric_torch_root}/lib/libtorch_cpu.so ${fabric_torch_root}/lib/libc10.so ${fabric_torch_root}/lib/libgomp.so.1)
# libtorch_cpu.so names NVIDIA libraries that its own RPATH finds; the linker needs not look for them.
target_link_options(fabric_libtorch INTERFACE -Wl,--allow-shlib-undefined)
get_filename_component(FABRIC_TORCH_LIB_DIR ${fabric_torch_root}/lib ABSOLUTE)
get_filename_component(FABRIC_TORCH_ROOT ${fabric_torch_root} ABSOLUTE)

# fabric_libtorch_cuda: what libfabric_cuda.so compiles against and names. Headers come from the NVIDIA wheels beside torch/
# or, where those are missing, from a CUDA toolkit with NCCL.
if(FABRIC_BUILD_CUDA)
  set(fabric_nvidia_root ${fabric_torch_root}/../nvidia)
  find_path(FABRIC_CUDA_INCLUDE_DIR cuda_runtime_api.h NO_CMAKE_FIND_ROOT_PATH
    HINTS ${fabric_nvidia_root}/cu13/include PATHS /usr/local/cuda/include)
  find_path(FABRIC_NCCL_INCLUDE_DIR nccl.h NO_CMAKE_FIND_ROOT_PATH
    HINTS ${fabric_nvidia_root}/nccl/include PATHS /usr/local/cuda/include)
  if(NOT FABRIC_CUDA_INCLUDE_DIR OR NOT FABRIC_NCCL_INCLUDE_DIR)
    message(FATAL_ERROR "libfabric_cuda.so needs cuda_runtime_api.h and nccl.h, but '${fabric_nvidia_root}' and "
      "/usr/local/cuda have them not; run scripts/setup, or build without it: -DFABRIC_BUILD_CUDA=OFF")
  endif()
  add_library(fabric_libtorch_cuda INTERFACE)
  target_link_libraries(fabric_libtorch_cuda INTERFACE
    fabric_libtorch ${fabric_torch_root}/lib/libtorch_cuda.so ${fabric_torch_root}/lib/libc10_cuda.so)
  target_include_directories(fabric_libtorch_cuda SYSTEM INTERFACE ${FABRIC_CUDA_INCLUDE_DIR} ${FABRIC_NCCL_INCLUDE_DIR})
  target_compile_definitions(fabric_libtorch_cuda INTERFACE USE_C10D_NCCL)
endif()
