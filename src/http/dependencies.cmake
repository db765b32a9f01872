target_link_libraries(opaline_http PRIVATE OpenSSL::SSL OpenSSL::Crypto)
