// Nothing: CMake makes a precompiled header for a target with a source (agiddi_prelude in options.cmake).
