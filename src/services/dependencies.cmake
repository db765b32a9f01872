find_package(simdjson REQUIRED)
target_link_libraries(opaline_services PRIVATE simdjson::simdjson)  # remote: embedding replies.
target_link_libraries(opaline_services PRIVATE PkgConfig::gumbo PkgConfig::archive PkgConfig::uchardet PkgConfig::md4c PkgConfig::seccomp pugixml::pugixml fmt::fmt)  # dataprep: parsers and their confinement.
target_link_libraries(opaline_services PRIVATE Boost::url)  # dataprep: links.
