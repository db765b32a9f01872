target_link_libraries(opaline_contract PUBLIC Boost::json)
