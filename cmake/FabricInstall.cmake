# cmake --install: a tree that can be moved anywhere.
#
#   bin/            fabric-run, fabric-agent, fabric-worker
#   lib/            libfabric_runtime.so, libfabric_main.a, libfabric_cuda.so; cmake/Fabric for find_package(Fabric)
#   include/fabric/ the runtime's public headers
#
# LibTorch is not in it: it is looked for where it was at build time, unless the user names another.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(CMAKE_INSTALL_MESSAGE LAZY)
foreach(app IN ITEMS fabric-run fabric-agent fabric-worker)
  if(TARGET ${app})
    install(TARGETS ${app} RUNTIME DESTINATION bin)
  endif()
endforeach()

if(FABRIC_BUILD_RUNTIME)
  set_target_properties(fabric_runtime PROPERTIES INSTALL_RPATH "$ORIGIN;${FABRIC_TORCH_LIB_DIR}")
  install(TARGETS fabric_runtime fabric_main LIBRARY DESTINATION lib ARCHIVE DESTINATION lib)
  if(TARGET fabric_cuda)
    set_target_properties(fabric_cuda PROPERTIES INSTALL_RPATH "$ORIGIN;${FABRIC_TORCH_LIB_DIR}")
    install(TARGETS fabric_cuda LIBRARY DESTINATION lib)
  endif()
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/lib/runtime/include/fabric DESTINATION include)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/FabricConfig.cmake.in
    ${PROJECT_BINARY_DIR}/package/FabricConfig.cmake INSTALL_DESTINATION lib/cmake/Fabric)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/FabricConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/package/FabricConfig.cmake ${PROJECT_BINARY_DIR}/package/FabricConfigVersion.cmake
    ${PROJECT_SOURCE_DIR}/cmake/fabric_add_program.cmake DESTINATION lib/cmake/Fabric)
endif()
