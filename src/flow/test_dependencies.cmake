target_compile_definitions(flow_test PRIVATE OPALINE_EXAMPLES="${CMAKE_SOURCE_DIR}/examples")
