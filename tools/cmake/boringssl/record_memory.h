/* Included before ssl_buffer.cc. BoringSSL takes a buffer for every record straight from malloc,
 * past its own hooks. A program that defines these two functions (engine/tls/tls_memory.cc) gives
 * them instead, so that an established connection allocates nothing; without them it is malloc. */

#pragma once

/* First whatever names malloc and free for itself. */
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>

extern "C" {
void *adit_record_alloc(size_t size) __attribute__((weak));
void adit_record_free(void *memory) __attribute__((weak));
}

#define malloc(size) (adit_record_alloc ? adit_record_alloc(size) : malloc(size))
#define free(memory) (adit_record_free ? adit_record_free(memory) : free(memory))
