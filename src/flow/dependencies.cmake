target_link_libraries(opaline_flow PRIVATE yaml-cpp fmt::fmt Boost::url PkgConfig::re2)
