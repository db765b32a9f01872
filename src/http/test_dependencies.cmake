target_link_libraries(http_test PRIVATE OpenSSL::SSL OpenSSL::Crypto)
