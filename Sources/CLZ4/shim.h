#if __has_include(<lz4.h>)
#include <lz4.h>
#else
#error "liblz4-dev is missing: install it with 'apt-get install liblz4-dev'"
#endif
