# cmake -DNM=nm -DPROGRAM=path -P exported_symbols.cmake: fails when the program offers the dynamic
# linker a symbol of BoringSSL.
execute_process(COMMAND "${NM}" --dynamic --defined-only "${PROGRAM}"
                OUTPUT_VARIABLE symbols RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "nm could not read ${PROGRAM}")
endif()
string(REGEX MATCHALL
       "[^\n]* (SSL|EVP|X509|CRYPTO|OPENSSL|BIO|ASN1|BN|EC|RSA|PEM|ERR|RAND|HMAC|SHA[0-9]*|CBS|CBB|sk|bssl)_[^\n]*"
       found "${symbols}")
list(LENGTH found count)
message(STATUS "${count} symbols of BoringSSL are exported")
if(NOT count EQUAL 0)
  message(FATAL_ERROR "${found}")
endif()
