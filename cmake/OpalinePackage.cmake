# What `cmake --install build/release --prefix X` puts there: the program with the libraries of its models, and the
# C++ API: headers, libopaline.a, a CMake package and a pkg-config file. docs/cpp-api.md tells how to use it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One archive of the rooms that the API stands on. Of services only what asks other processes: no model, no store.
# What reads flow files is in it and linked by nobody, so yaml-cpp is not asked for.
add_library(opaline_package STATIC
  $<TARGET_OBJECTS:opaline_api>
  $<TARGET_OBJECTS:opaline_base>
  $<TARGET_OBJECTS:opaline_contract>
  $<TARGET_OBJECTS:opaline_http>
  $<TARGET_OBJECTS:opaline_flow>
  $<TARGET_OBJECTS:opaline_gateway>
  $<FILTER:$<TARGET_OBJECTS:opaline_services>,INCLUDE,/services/remote/>
  $<FILTER:$<TARGET_OBJECTS:opaline_operations>,INCLUDE,/observe/prometheus>)
set_target_properties(opaline_package PROPERTIES OUTPUT_NAME opaline EXPORT_NAME opaline LINKER_LANGUAGE CXX)
target_compile_features(opaline_package INTERFACE cxx_std_20)
target_include_directories(opaline_package INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(opaline_package
  PUBLIC Boost::json
  PRIVATE Boost::url fmt::fmt OpenSSL::SSL OpenSSL::Crypto PkgConfig::re2 simdjson::simdjson Threads::Threads)

set(OPALINE_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/Opaline)
install(TARGETS opaline_package EXPORT OpalineTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT OpalineTargets NAMESPACE Opaline:: DESTINATION ${OPALINE_CMAKE_FOLDER})
configure_package_config_file(cmake/OpalineConfig.cmake.in ${CMAKE_BINARY_DIR}/OpalineConfig.cmake
                              INSTALL_DESTINATION ${OPALINE_CMAKE_FOLDER})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/OpalineConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/OpalineConfig.cmake ${CMAKE_BINARY_DIR}/OpalineConfigVersion.cmake
        DESTINATION ${OPALINE_CMAKE_FOLDER})
file(RELATIVE_PATH OPALINE_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/opaline.pc.in ${CMAKE_BINARY_DIR}/opaline.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/opaline.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY include/opaline ${CMAKE_BINARY_DIR}/include/opaline DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# The program finds the libraries of its models there, see CMAKE_INSTALL_RPATH and engine/backend.cpp.
install(TARGETS opaline RUNTIME DESTINATION bin)
install(DIRECTORY ${OPALINE_LLAMA}/lib/ DESTINATION lib/opaline FILES_MATCHING PATTERN "*.so*")
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
