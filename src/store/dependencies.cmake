target_link_libraries(opaline_store PRIVATE SQLite::SQLite3 Boost::json)
