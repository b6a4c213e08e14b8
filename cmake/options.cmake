# Compiler settings shared by every target, and the sanitizer switch that the presets use.
set(AGIDDI_SANITIZE "" CACHE STRING "Sanitizers, as given to -fsanitize= (empty for none)")

find_program(AGIDDI_CCACHE ccache)
if(AGIDDI_CCACHE)
  # Its depend mode spares a run of the preprocessor for each source; the rest is what it asks for before it keeps anything that was compiled with a
  # precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${AGIDDI_CCACHE})
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()

add_library(agiddi_options INTERFACE)
target_compile_options(agiddi_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -fno-strict-overflow)
# In a batch of sources every one is an included file, and its anonymous namespace looks like a header's.
target_compile_options(agiddi_options INTERFACE $<$<BOOL:${CMAKE_UNITY_BUILD}>:-Wno-subobject-linkage>)
target_compile_options(agiddi_options INTERFACE -pthread)   # some libraries ask for it, and a precompiled header is of one kind
target_include_directories(agiddi_options INTERFACE ${CMAKE_SOURCE_DIR})
if(AGIDDI_SANITIZE)
  add_compile_options(-fsanitize=${AGIDDI_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${AGIDDI_SANITIZE})
endif()

# Test programs are compiled without optimisation: what they test is not, and Catch2's macros cost the optimiser more than they gain.
set(AGIDDI_TEST_OPTIONS $<$<CONFIG:Release>:-O0>)

# cmake/prelude.h, precompiled: once for floors, which are position-independent, and once for tests. Made by targets without definitions of their own,
# because the compiler takes it only where all of those are the same.
add_library(agiddi_prelude_floor OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/cmake/prelude.cpp)
add_library(agiddi_prelude_test OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/cmake/prelude.cpp)
target_compile_options(agiddi_prelude_test PRIVATE ${AGIDDI_TEST_OPTIONS} -fPIE)
set_target_properties(agiddi_prelude_test PROPERTIES POSITION_INDEPENDENT_CODE OFF)
foreach(kind floor test)
  target_link_libraries(agiddi_prelude_${kind} PRIVATE agiddi_options)
  target_precompile_headers(agiddi_prelude_${kind} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/prelude.h)
endforeach()
target_precompile_headers(agiddi_prelude_test PRIVATE <catch2/catch.hpp>)

# agiddi_floor(name SOURCES… LINK…): one static library for one floor of the architecture.
function(agiddi_floor name)
  cmake_parse_arguments(F "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(agiddi_${name} STATIC ${F_SOURCES})
  target_link_libraries(agiddi_${name} PUBLIC agiddi_options ${F_LINK} PRIVATE ${F_PRIVATE_LINK})
  target_precompile_headers(agiddi_${name} REUSE_FROM agiddi_prelude_floor)
endfunction()

# agiddi_test(name SOURCES… LINK…): one Catch2 program, run by ctest.
function(agiddi_test name)
  cmake_parse_arguments(T "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE agiddi_catch_main ${T_LINK})
  target_compile_options(${name} PRIVATE ${AGIDDI_TEST_OPTIONS})
  target_precompile_headers(${name} REUSE_FROM agiddi_prelude_test)
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# agiddi_fuzz(name SOURCES… LINK…): one fuzz target. Here it replays tests/fuzz/corpus/<name>/ under ctest; with clang and
# -DAGIDDI_FUZZ=ON the same source becomes a libFuzzer program.
option(AGIDDI_FUZZ "Build libFuzzer programs (clang)" OFF)
function(agiddi_fuzz name)
  cmake_parse_arguments(T "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LINK})
  target_compile_options(${name} PRIVATE ${AGIDDI_TEST_OPTIONS})
  if(AGIDDI_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer,address)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer,address)
  else()
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    add_test(NAME ${name} COMMAND ${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
endfunction()
