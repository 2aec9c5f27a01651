#if __has_include(<zstd.h>)
#include <zstd.h>
#else
#error "libzstd-dev is missing: install it with 'apt-get install libzstd-dev'"
#endif
