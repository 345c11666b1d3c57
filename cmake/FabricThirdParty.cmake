# Libraries of the system. All are private to the targets that use them and included as system headers.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
if(FABRIC_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()

# Debian's gRPCConfig.cmake and protobuf targets name the shared libraries only; pkg-config knows the static closure.
pkg_check_modules(GRPC REQUIRED grpc++ protobuf)
find_program(FABRIC_PROTOC protoc REQUIRED)
find_program(FABRIC_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)
add_library(fabric_grpc INTERFACE)
target_include_directories(fabric_grpc SYSTEM INTERFACE ${GRPC_INCLUDE_DIRS})
if(FABRIC_STATIC_APPS)
  target_link_libraries(fabric_grpc INTERFACE ${GRPC_STATIC_LDFLAGS})
else()
  target_link_libraries(fabric_grpc INTERFACE ${GRPC_LDFLAGS})
endif()
