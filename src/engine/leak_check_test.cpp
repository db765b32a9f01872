// Each CPU module of llama.cpp leaks a few bytes of its registration when it is unloaded, and
// LeakSanitizer cannot name an unloaded module in a suppression. Leaks are therefore not counted in
// this one test program; everything else of AddressSanitizer is. The services that use the engine
// are checked for leaks through their own tests.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
