target_link_libraries(opaline_operations PRIVATE fmt::fmt)
