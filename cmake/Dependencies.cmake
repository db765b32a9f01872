# Everything that is not ours: Debian packages, and llama.cpp as tools/dependencies builds it.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(gumbo REQUIRED IMPORTED_TARGET gumbo)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(uchardet REQUIRED IMPORTED_TARGET uchardet)
pkg_check_modules(md4c REQUIRED IMPORTED_TARGET md4c)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
# Its -pthread would be an option that the precompiled headers were not made with.
set_property(TARGET PkgConfig::re2 PROPERTY INTERFACE_COMPILE_OPTIONS "")
find_package(pugixml REQUIRED)

set(OPALINE_LLAMA ${CMAKE_SOURCE_DIR}/build/dependencies/llama CACHE PATH "Where tools/dependencies put llama.cpp")
if(NOT EXISTS ${OPALINE_LLAMA}/include/llama.h)
  message(FATAL_ERROR "llama.cpp is not built yet: run tools/dependencies (or ./run, ./test, which call it).")
endif()
add_library(opaline_llama INTERFACE)
target_include_directories(opaline_llama SYSTEM INTERFACE ${OPALINE_LLAMA}/include)
target_link_directories(opaline_llama INTERFACE ${OPALINE_LLAMA}/lib)
set(CMAKE_BUILD_RPATH ${OPALINE_LLAMA}/lib $ORIGIN/lib)
set(CMAKE_INSTALL_RPATH $ORIGIN/../lib/opaline $ORIGIN/lib)
target_link_libraries(opaline_llama INTERFACE llama-common llama ggml ggml-base)

# Boost.Asio compiles once, in base, instead of in each file. Beast is used by http's fuzzer alone.
add_library(opaline_asio INTERFACE)
target_compile_definitions(opaline_asio INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_USE_STD_STRING_VIEW)
target_link_libraries(opaline_asio INTERFACE Boost::headers Threads::Threads)
