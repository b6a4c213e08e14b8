# Every outside library, found once, under one name. Vendor headers stay inside the floor that owns them (tools/check_layers.py).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(Protobuf REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(spdlog REQUIRED)
find_package(Catch2 2 REQUIRED)
find_package(tomlplusplus REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(ROCKSDB REQUIRED IMPORTED_TARGET rocksdb)
pkg_check_modules(SERD REQUIRED IMPORTED_TARGET serd-0)
pkg_check_modules(SORD REQUIRED IMPORTED_TARGET sord-0)
pkg_check_modules(RASQAL REQUIRED IMPORTED_TARGET rasqal)
pkg_check_modules(MOSQUITTO REQUIRED IMPORTED_TARGET libmosquitto)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)

# The allocator of long-running programs: of the C library's, the daemon spends a sixth of its time in malloc and free (docs/PERFORMANCE.md). Sanitizers bring
# their own.
add_library(agiddi_allocator INTERFACE)
if(NOT AGIDDI_SANITIZE)
  target_link_libraries(agiddi_allocator INTERFACE -Wl,--no-as-needed PkgConfig::JEMALLOC -Wl,--as-needed)
endif()
