target_link_libraries(opaline_app PUBLIC fmt::fmt CLI11::CLI11 Boost::json)
target_compile_definitions(opaline_app PUBLIC OPALINE_VERSION="${PROJECT_VERSION}")

# The console becomes a source file: rebuilt when any file of console/dist changes.
set(embedded ${CMAKE_BINARY_DIR}/embedded_console_files.cpp)
file(GLOB_RECURSE console_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/console/dist/*)
add_custom_command(
  OUTPUT ${embedded}
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/embed_console.py ${CMAKE_SOURCE_DIR}/console/dist ${embedded}
  DEPENDS ${console_files} ${CMAKE_SOURCE_DIR}/tools/embed_console.py
  COMMENT "Embedding the console")
target_sources(opaline_app PRIVATE ${embedded})
