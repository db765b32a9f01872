target_link_libraries(opaline_base PRIVATE OpenSSL::Crypto fmt::fmt)
