target_link_libraries(engine_test PRIVATE opaline_llama PkgConfig::archive Boost::json)
target_compile_definitions(engine_test PRIVATE
  OPALINE_TEST_MODELS="${CMAKE_SOURCE_DIR}/build/models"
  OPALINE_ENGINE_SOURCES="${CMAKE_CURRENT_LIST_DIR}")
target_compile_definitions(engine_test PRIVATE OPALINE_TEST_MODULES="${OPALINE_LLAMA}/lib")
