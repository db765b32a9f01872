target_link_libraries(opaline_app PUBLIC fmt::fmt CLI11::CLI11 Boost::json)
target_compile_definitions(opaline_app PUBLIC OPALINE_VERSION="${PROJECT_VERSION}")

# Folders become source files: made anew when any file of them changes.
function(opaline_embed folder function)
  set(embedded ${CMAKE_BINARY_DIR}/${function}.cpp)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*)
  add_custom_command(
    OUTPUT ${embedded}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/embed_files.py ${CMAKE_SOURCE_DIR}/${folder} ${embedded} ${function}
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/tools/embed_files.py
    COMMENT "Embedding ${folder}")
  target_sources(opaline_app PRIVATE ${embedded})
endfunction()
opaline_embed(console/dist embedded_console_files)
opaline_embed(examples/services embedded_service_files)
