target_include_directories(opaline_api PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include)
target_link_libraries(opaline_api PUBLIC Boost::json PRIVATE fmt::fmt)
