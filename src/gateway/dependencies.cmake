target_link_libraries(opaline_gateway PUBLIC Boost::json PRIVATE fmt::fmt)
