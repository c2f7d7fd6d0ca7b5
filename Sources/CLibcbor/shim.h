#ifndef CLIBCBOR_SHIM_H
#define CLIBCBOR_SHIM_H

#include <cbor.h>

// libcbor reports each item of a stream through one of thirty callbacks. These turn that around: one
// call gives the next head as a plain value, so that the reader in Swift can bound depth and sizes
// before anything is allocated.

enum glm_cbor_kind {
    GLM_CBOR_OTHER = 0,
    GLM_CBOR_UNSIGNED,
    GLM_CBOR_NEGATIVE,
    GLM_CBOR_BYTES,
    GLM_CBOR_TEXT,
    GLM_CBOR_ARRAY,
    GLM_CBOR_MAP,
    GLM_CBOR_BOOL,
    GLM_CBOR_NULL,
    GLM_CBOR_DOUBLE,
};

struct glm_cbor_head {
    int kind;
    uint64_t value;      // the integer, the length, or the truth value
    double number;
    const uint8_t *data; // of byte and text strings
    size_t consumed;     // bytes read; 0 where the input is short or malformed
};

#define GLM_CBOR_INTEGER_CALLBACKS(name, constant, bits)                         \
    static inline void glm_cbor_on_##name##bits(void *context, uint##bits##_t value) { \
        struct glm_cbor_head *head = (struct glm_cbor_head *)context;            \
        head->kind = constant;                                                   \
        head->value = value;                                                     \
    }
GLM_CBOR_INTEGER_CALLBACKS(unsigned, GLM_CBOR_UNSIGNED, 8)
GLM_CBOR_INTEGER_CALLBACKS(unsigned, GLM_CBOR_UNSIGNED, 16)
GLM_CBOR_INTEGER_CALLBACKS(unsigned, GLM_CBOR_UNSIGNED, 32)
GLM_CBOR_INTEGER_CALLBACKS(unsigned, GLM_CBOR_UNSIGNED, 64)
GLM_CBOR_INTEGER_CALLBACKS(negative, GLM_CBOR_NEGATIVE, 8)
GLM_CBOR_INTEGER_CALLBACKS(negative, GLM_CBOR_NEGATIVE, 16)
GLM_CBOR_INTEGER_CALLBACKS(negative, GLM_CBOR_NEGATIVE, 32)
GLM_CBOR_INTEGER_CALLBACKS(negative, GLM_CBOR_NEGATIVE, 64)

#define GLM_CBOR_SIZED_CALLBACK(name, constant)                                  \
    static inline void glm_cbor_on_##name(void *context, size_t count) {         \
        struct glm_cbor_head *head = (struct glm_cbor_head *)context;            \
        head->kind = constant;                                                   \
        head->value = count;                                                     \
    }
GLM_CBOR_SIZED_CALLBACK(array, GLM_CBOR_ARRAY)
GLM_CBOR_SIZED_CALLBACK(map, GLM_CBOR_MAP)

#define GLM_CBOR_STRING_CALLBACK(name, constant)                                 \
    static inline void glm_cbor_on_##name(void *context, cbor_data data, size_t length) { \
        struct glm_cbor_head *head = (struct glm_cbor_head *)context;            \
        head->kind = constant;                                                   \
        head->data = data;                                                       \
        head->value = length;                                                    \
    }
GLM_CBOR_STRING_CALLBACK(bytes, GLM_CBOR_BYTES)
GLM_CBOR_STRING_CALLBACK(text, GLM_CBOR_TEXT)

static inline void glm_cbor_on_bool(void *context, bool value) {
    struct glm_cbor_head *head = (struct glm_cbor_head *)context;
    head->kind = GLM_CBOR_BOOL;
    head->value = value ? 1 : 0;
}

static inline void glm_cbor_on_null(void *context) {
    ((struct glm_cbor_head *)context)->kind = GLM_CBOR_NULL;
}

static inline void glm_cbor_on_double(void *context, double value) {
    struct glm_cbor_head *head = (struct glm_cbor_head *)context;
    head->kind = GLM_CBOR_DOUBLE;
    head->number = value;
}

/// The next item of the input; strings come with their content, arrays and maps with their count.
static inline struct glm_cbor_head glm_cbor_next(const uint8_t *source, size_t length) {
    struct glm_cbor_head head = {GLM_CBOR_OTHER, 0, 0, NULL, 0};
    struct cbor_callbacks callbacks = cbor_empty_callbacks;
    callbacks.uint8 = glm_cbor_on_unsigned8;
    callbacks.uint16 = glm_cbor_on_unsigned16;
    callbacks.uint32 = glm_cbor_on_unsigned32;
    callbacks.uint64 = glm_cbor_on_unsigned64;
    callbacks.negint8 = glm_cbor_on_negative8;
    callbacks.negint16 = glm_cbor_on_negative16;
    callbacks.negint32 = glm_cbor_on_negative32;
    callbacks.negint64 = glm_cbor_on_negative64;
    callbacks.byte_string = glm_cbor_on_bytes;
    callbacks.string = glm_cbor_on_text;
    callbacks.array_start = glm_cbor_on_array;
    callbacks.map_start = glm_cbor_on_map;
    callbacks.boolean = glm_cbor_on_bool;
    callbacks.null = glm_cbor_on_null;
    callbacks.float8 = glm_cbor_on_double;
    struct cbor_decoder_result result = cbor_stream_decode(source, length, &callbacks, &head);
    head.consumed = result.status == CBOR_DECODER_FINISHED ? result.read : 0;
    return head;
}

#endif
