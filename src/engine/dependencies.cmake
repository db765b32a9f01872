target_link_libraries(opaline_engine PRIVATE opaline_llama PkgConfig::archive Boost::json)
target_compile_definitions(opaline_engine PRIVATE OPALINE_LLAMA_LIBRARIES="${OPALINE_LLAMA}/lib")
