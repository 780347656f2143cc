#include "huffman.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t weight;
    int symbol;
} Leaf;

/* The order is total, so that qsort of any library gives the same code. */
static int compare_leaves(const void *a, const void *b) {
    const Leaf *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? -1 : 1;
    return x->symbol - y->symbol;
}

static int sorted_leaves(Leaf *leaves, const uint32_t *frequency, int n) {
    int used = 0;
    for (int i = 0; i < n; i++) {
        if (frequency[i]) leaves[used++] = (Leaf){frequency[i], i};
    }
    for (int i = 0; used < 2; i++) {
        if (!frequency[i]) leaves[used++] = (Leaf){1, i};
    }
    qsort(leaves, (size_t)used, sizeof *leaves, compare_leaves);
    return used;
}

/* count_depths merges the two lightest trees until one is left (Huffman 1952; with two queues, van Leeuwen 1976) and
 * counts the leaves at each depth. */
static void count_depths(const Leaf *leaves, int n, int *at_depth) {
    uint32_t weight[2 * MAX_SYMBOLS];
    int parent[2 * MAX_SYMBOLS], depth[2 * MAX_SYMBOLS];
    for (int i = 0; i < n; i++) weight[i] = leaves[i].weight;
    int leaf = 0, inner = n, root = 2 * n - 2;
    for (int made = n; made <= root; made++) {
        weight[made] = 0;
        for (int child = 0; child < 2; child++) {
            int take = leaf < n && (inner >= made || weight[leaf] <= weight[inner]) ? leaf++ : inner++;
            weight[made] += weight[take];
            parent[take] = made;
        }
    }
    depth[root] = 0;
    for (int i = root - 1; i >= 0; i--) {
        depth[i] = depth[parent[i]] + 1;
        if (i < n) at_depth[depth[i]]++;
    }
}

/* limit_depths lifts the leaves below `limit` up to it and pays for them by lowering others, until the Kraft sum is
 * one again. Near the optimum, and far simpler than package-merge. */
static void limit_depths(int *at_depth, int deepest, int limit) {
    for (int d = limit + 1; d <= deepest; d++) {
        at_depth[limit] += at_depth[d];
        at_depth[d] = 0;
    }
    int kraft = 0;
    for (int d = 1; d <= limit; d++) kraft += at_depth[d] << (limit - d);
    for (; kraft > 1 << limit; kraft--) {
        int d = limit - 1;
        while (!at_depth[d]) d--;
        at_depth[limit]--;
        at_depth[d]--;
        at_depth[d + 1] += 2;
    }
}

static uint16_t reversed(uint32_t code, int bits) {
    uint32_t r = 0;
    for (; bits > 0; bits--, code >>= 1) r = r << 1 | (code & 1);
    return (uint16_t)r;
}

/* assign_codes numbers the words canonically (RFC 1951, section 3.2.2). */
static void assign_codes(Huffman *huffman, const int *at_depth, int n, int limit) {
    uint32_t next[16] = {0}, code = 0;
    for (int d = 1; d <= limit; d++) {
        next[d] = code;
        code = (code + (uint32_t)at_depth[d]) << 1;
    }
    for (int i = 0; i < n; i++) {
        int bits = huffman->length[i];
        if (bits) huffman->code[i] = reversed(next[bits]++, bits);
    }
}

void huffman_build(Huffman *huffman, const uint32_t *frequency, int n, int limit) {
    Leaf leaves[MAX_SYMBOLS];
    int at_depth[MAX_SYMBOLS + 1] = {0};
    memset(huffman, 0, sizeof *huffman);
    int used = sorted_leaves(leaves, frequency, n);
    count_depths(leaves, used, at_depth);
    limit_depths(at_depth, used, limit);
    int next = used;
    for (int d = 1; d <= limit; d++) { /* the heaviest symbols get the shortest words */
        for (int i = 0; i < at_depth[d]; i++) huffman->length[leaves[--next].symbol] = (uint8_t)d;
    }
    assign_codes(huffman, at_depth, n, limit);
}
