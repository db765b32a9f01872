target_compile_definitions(flow_test PRIVATE OPALINE_EXAMPLES="${CMAKE_SOURCE_DIR}/examples" OPALINE_DOCS="${CMAKE_SOURCE_DIR}/docs")
