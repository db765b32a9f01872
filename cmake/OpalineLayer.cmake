# opaline_layer(NAME RANK n [DEPENDS room…])
#
# A room is the folder src/NAME: every *.cpp in it (except *_test.cpp, *_fuzz.cpp, main.cpp) makes the static library
# opaline_NAME; every *_test.cpp makes the one test program NAME_test. A room may depend only on rooms of lower
# rank, so rooms of one rank are strangers and no cycle can be built; anything else stops the configuration here.
# tools/tidy.py reads the same lines and checks every #include against them.
# A project that builds only some rooms (bindings/python) includes this file too, after setting OPALINE_ROOT to this
# repository; it turns the rooms' tests off with OPALINE_TESTS.
# A room's own third-party libraries are named in src/NAME/dependencies.cmake, if it has any: they stay PRIVATE.

if(NOT DEFINED OPALINE_ROOT)
  set(OPALINE_ROOT ${CMAKE_SOURCE_DIR})
endif()
option(OPALINE_TESTS "Build the rooms' tests" ON)

# What most files include, parsed once where OPALINE_PRECOMPILE is on; `release` compiles each file with its own
# includes alone, so that a missing one is found.
set(OPALINE_PRECOMPILED
  <algorithm> <array> <atomic> <chrono> <coroutine> <expected> <filesystem> <functional> <map> <memory> <mutex>
  <optional> <ranges> <span> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>
  <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/steady_timer.hpp> <boost/json.hpp> <fmt/format.h>)
function(opaline_precompile target)
  cmake_parse_arguments(PARSE_ARGV 1 pch "" "FIRST" "ALSO")
  if(NOT OPALINE_PRECOMPILE)
    return()
  endif()
  if(TARGET ${pch_FIRST} AND NOT target STREQUAL pch_FIRST)
    target_precompile_headers(${target} REUSE_FROM ${pch_FIRST})
  else()
    target_precompile_headers(${target} PRIVATE ${OPALINE_PRECOMPILED} ${pch_ALSO})
  endif()
endfunction()

function(opaline_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 layer "" "RANK" "DEPENDS")
  if(NOT DEFINED layer_RANK)
    message(FATAL_ERROR "opaline_layer(${name}): RANK is missing")
  endif()
  set_property(GLOBAL PROPERTY opaline_rank_${name} ${layer_RANK})
  foreach(other IN LISTS layer_DEPENDS)
    get_property(known GLOBAL PROPERTY opaline_rank_${other} SET)
    if(NOT known)
      message(FATAL_ERROR "room '${name}' depends on '${other}', which is not declared above it")
    endif()
    get_property(rank GLOBAL PROPERTY opaline_rank_${other})
    if(NOT rank LESS layer_RANK)
      message(FATAL_ERROR "room '${name}' (rank ${layer_RANK}) must not depend on '${other}' (rank ${rank}): "
                          "a room sees only rooms of lower rank. See docs/architecture.md.")
    endif()
  endforeach()

  set(folder ${OPALINE_ROOT}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  # For work on one part of a large room: -DOPALINE_SERVICES_ONLY="embedding;remote" builds those folders alone.
  string(TOUPPER ${name} upper)
  if(OPALINE_${upper}_ONLY)
    list(JOIN OPALINE_${upper}_ONLY "|" only)
    list(FILTER sources INCLUDE REGEX "/(${only})/")
  endif()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  set(fuzzers ${sources})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|/main)\\.cpp$")

  set(library opaline_${name})
  if(sources)
    add_library(${library} STATIC ${sources})
    set(visibility PUBLIC)
    set(own PRIVATE)
  else()
    add_library(${library} INTERFACE)
    set(visibility INTERFACE)
    set(own INTERFACE)
  endif()
  target_include_directories(${library} ${visibility} ${OPALINE_ROOT}/src)
  target_link_libraries(${library} ${visibility} opaline_asio)
  foreach(other IN LISTS layer_DEPENDS)
    target_link_libraries(${library} ${visibility} opaline_${other})
  endforeach()
  if(sources)
    opaline_precompile(${library} FIRST opaline_base)
    include(${folder}/dependencies.cmake OPTIONAL)
  endif()

  if(tests AND OPALINE_TESTS)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${library} GTest::gtest GTest::gmock GTest::gtest_main)
    # A test's own code is run once: what the optimiser would save is less than what it costs.
    target_compile_options(${name}_test PRIVATE $<$<CONFIG:Debug>:-O0>)
    opaline_precompile(${name}_test FIRST base_test ALSO <gmock/gmock.h> <gtest/gtest.h>)
    include(${folder}/test_dependencies.cmake OPTIONAL)
    add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES TIMEOUT 900)
  endif()
  if(OPALINE_FUZZ)
    foreach(source IN LISTS fuzzers)
      get_filename_component(fuzzer ${source} NAME_WE)
      add_executable(${fuzzer} ${source})
      target_compile_options(${fuzzer} PRIVATE -fsanitize=fuzzer)
      target_link_options(${fuzzer} PRIVATE -fsanitize=fuzzer)
      target_link_libraries(${fuzzer} PRIVATE ${library})
      # A short run with a fixed seed, so that it says the same everywhere; what it finds stays in the build folder.
      string(REGEX REPLACE "_fuzz$" "" subject ${fuzzer})
      get_filename_component(place ${source} DIRECTORY)
      set(found ${CMAKE_BINARY_DIR}/corpus/${subject})
      file(MAKE_DIRECTORY ${found})
      set(seeds)
      if(EXISTS ${place}/corpus/${subject})
        set(seeds ${place}/corpus/${subject})
      endif()
      add_test(NAME ${fuzzer} COMMAND ${fuzzer} -seed=1 -runs=20000 -max_total_time=15 -timeout=30 -rss_limit_mb=4096
               -print_final_stats=0 -verbosity=0 -artifact_prefix=${found}- ${found} ${seeds})
    endforeach()
  endif()
  if(EXISTS ${folder}/main.cpp)
    add_executable(opaline ${folder}/main.cpp)
    target_link_libraries(opaline PRIVATE ${library})
  endif()
endfunction()
