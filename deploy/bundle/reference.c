/* The integer semantics of a SpikeBERT in C99, from the plain binary form of a bundle (docs/bundle.md).

       cc -std=c99 -O2 -o reference reference.c
       ./reference bundle/reference/model.bin bundle/reference/golden.bin

   Computes every golden text and compares every spike and logit. Exit code 0: all equal; 1: the first difference is
   printed; 2: a file cannot be read. It is written to be read: one function a node type, no library but C's own. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EMBEDDING, LINEAR, LAYER_NORM, LIF, ATTENTION, ADD, READOUT, ACCUMULATE };

typedef struct {
    uint32_t kind, width, inputs, input[8];
    uint32_t words, positions, separator, shared_words, beside, fan_in, groups, decay, zero_reset, heads, shift;
    int64_t epsilon, margin;
    double scale; /* of a model that predicts a number: what one unit of its logit is worth */
    int8_t *word, *neighbour, *weight, *exponent, *places; /* places: of the left shift of each input */
    int16_t *position, *gain;
    int32_t *bias, *threshold;
    int64_t *value; /* (T, M, width): the output for the text at hand */
} Node;

static uint32_t version, steps, longest, labels, count;
static uint32_t taken; /* of `steps`, by the text at hand */
static Node *nodes;

static void die(const char *why) {
    fprintf(stderr, "reference: %s\n", why);
    exit(2);
}

static void *take(size_t items, size_t size) {
    void *memory = calloc(items ? items : 1, size);
    if (!memory) die("out of memory");
    return memory;
}

static void get(FILE *file, void *into, size_t bytes) {
    if (fread(into, 1, bytes, file) != bytes) die("a file ends too early");
}

/* n whole numbers of `size` bytes, little-endian, as they lie in the file: put in order on any machine. */
static void *numbers(FILE *file, size_t n, size_t size) {
    uint8_t *bytes = take(n, size), swap[8];
    const uint16_t one = 1;
    get(file, bytes, n * size);
    if (*(const uint8_t *)&one == 0)
        for (size_t i = 0; i < n; i++) {
            memcpy(swap, bytes + i * size, size);
            for (size_t j = 0; j < size; j++) bytes[i * size + j] = swap[size - 1 - j];
        }
    return bytes;
}

static uint32_t u32(FILE *file) {
    uint32_t *one = numbers(file, 1, 4), value = *one;
    free(one);
    return value;
}

static int64_t i64(FILE *file) {
    int64_t *one = numbers(file, 1, 8), value = *one;
    free(one);
    return value;
}

static double f64(FILE *file) {
    double *one = numbers(file, 1, 8), value = *one;
    free(one);
    return value;
}

static void check_head(FILE *file, const char *magic, uint32_t newest) {
    char found[4];
    get(file, found, 4);
    if (memcmp(found, magic, 4) || (version = u32(file)) < 1 || version > newest)
        die("not a file of this form and version");
}

static void read_node(FILE *file, Node *n, uint32_t place) {
    n->kind = u32(file), n->width = u32(file), n->inputs = u32(file);
    if (n->inputs > 8) die("a node has more than 8 inputs");
    for (uint32_t i = 0; i < n->inputs; i++)
        if ((n->input[i] = u32(file)) >= place) die("a node stands before its input");
    switch (n->kind) {
    case EMBEDDING:
        n->words = u32(file), n->positions = u32(file);
        n->separator = version >= 2 ? u32(file) : n->words; /* of sentence pairs; no token is `words` */
        n->shared_words = version >= 6 ? u32(file) : 0;
        n->beside = version >= 7 ? u32(file) : 0;
        n->word = numbers(file, (size_t)n->words * n->width, 1);
        n->position = numbers(file, (size_t)n->positions * n->width, 2);
        n->neighbour = numbers(file, n->beside ? (size_t)n->words * n->width : 0, 1);
        break;
    case LINEAR:
        n->fan_in = u32(file);
        n->bias = numbers(file, n->width, 4);
        n->exponent = numbers(file, n->width, 1);
        n->weight = numbers(file, (size_t)n->width * n->fan_in, 1);
        break;
    case LAYER_NORM:
        n->groups = u32(file);
        n->epsilon = i64(file);
        n->gain = numbers(file, n->width, 2);
        n->bias = numbers(file, n->width, 4);
        break;
    case LIF:
        n->decay = u32(file), n->zero_reset = u32(file);
        n->threshold = numbers(file, n->width, 4);
        n->bias = numbers(file, n->width, 4);
        break;
    case ATTENTION: n->heads = u32(file); break;
    case ADD: break;
    case ACCUMULATE: n->places = numbers(file, n->inputs, 1); break;
    case READOUT:
        n->fan_in = u32(file), n->shift = u32(file);
        n->bias = numbers(file, n->width, 4);
        n->weight = numbers(file, (size_t)n->width * n->fan_in, 1);
        n->margin = version >= 4 ? i64(file) : -1;
        n->scale = version >= 5 ? f64(file) : 0;
        break;
    default: die("an unknown node type");
    }
}

/* a / b rounded down, for b > 0; C's own division rounds toward zero, as the decay of a membrane does. */
static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* The row of the position table for token m; `first` is the place of the first separator, behind which the second
   text begins. */
static uint32_t place_of(const Node *n, const uint32_t *token, uint32_t tokens, uint32_t m, uint32_t first) {
    uint32_t part = n->positions / (n->shared_words ? 4 : 2), place = m + (m > first ? part : 0);
    for (uint32_t k = 0; n->shared_words && k < tokens; k++)
        if (token[k] == token[m] && (k > first) != (m > first)) return place + 2 * part; /* a word of both texts */
    return place;
}

/* What the token beside token m adds to feature d: the one before it to the first half of the features, the one behind
   it to the other half; nothing where the text begins or ends. */
static int32_t beside(const Node *n, const uint32_t *token, uint32_t tokens, uint32_t m, uint32_t d) {
    int before = d < n->width / 2;
    if (!n->beside || (before ? m == 0 : m + 1 == tokens)) return 0;
    return n->neighbour[(size_t)token[before ? m - 1 : m + 1] * n->width + d];
}

static void embedding(Node *n, const uint32_t *token, uint32_t tokens) {
    uint32_t first = 0;
    while (first < tokens && token[first] != n->separator) first++;
    for (uint32_t t = 0; t < steps; t++)
        for (uint32_t m = 0; m < tokens; m++) {
            uint32_t place = place_of(n, token, tokens, m, first);
            for (uint32_t d = 0; d < n->width; d++)
                n->value[((size_t)t * tokens + m) * n->width + d] =
                    n->word[(size_t)token[m] * n->width + d] +
                    (n->positions ? n->position[(size_t)place * n->width + d] : 0) + beside(n, token, tokens, m, d);
        }
}

static void linear(Node *n, const int64_t *x, size_t rows) {
    for (size_t r = 0; r < rows; r++, x += n->fan_in)
        for (uint32_t d = 0; d < n->width; d++) {
            const int8_t *w = n->weight + (size_t)d * n->fan_in;
            int64_t sum = 0;
            for (uint32_t k = 0; k < n->fan_in; k++) sum += w[k] * x[k];
            n->value[r * n->width + d] = sum * (1 << n->exponent[d]) + n->bias[d];
        }
}

static int64_t isqrt(int64_t value) {
    int64_t root = 0;
    for (int64_t bit = (int64_t)1 << 31; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= value) root += bit;
    return root;
}

static void layer_norm(Node *n, const int64_t *x, size_t rows) {
    uint32_t size = n->width / n->groups;
    for (size_t part = 0; part < rows * n->groups; part++, x += size) {
        int64_t sum = 0, square = 0;
        for (uint32_t d = 0; d < size; d++) sum += x[d], square += x[d] * x[d];
        int64_t spread = (int64_t)size * square - sum * sum + n->epsilon, mantissa;
        int e = 0;
        if (spread < 1) spread = 1;
        for (mantissa = spread; mantissa >= (int64_t)1 << 32; mantissa = spread >> 2 * e) e++;
        for (; mantissa < (int64_t)1 << 30; mantissa *= 4) e--;
        int64_t root = isqrt(((int64_t)1 << 62) / mantissa);
        uint32_t first = (uint32_t)(part % n->groups) * size;
        for (uint32_t d = 0; d < size; d++) {
            int64_t z = floor_div((size * x[d] - sum) * root, (int64_t)1 << (19 + e));
            int64_t y = floor_div(z * n->gain[first + d] + (1 << 15), 1 << 16);
            n->value[part / n->groups * n->width + first + d] = y + n->bias[first + d];
        }
    }
}

static void lif(Node *n, const int64_t *x, uint32_t tokens) {
    const int64_t most = (1 << 23) - 1;
    size_t all = (size_t)tokens * n->width;
    for (size_t i = 0; i < all; i++) {
        uint32_t d = (uint32_t)(i % n->width);
        int64_t v = 0, s = 0;
        for (uint32_t t = 0; t < steps; t++) {
            v = v * (4096 - (int64_t)n->decay) / 4096;
            if (n->zero_reset) v = s ? 0 : v;
            else v -= s * n->threshold[d];
            v += 64 * x[t * all + i] + n->bias[d];
            if (v > most) v = most;
            if (v < -most) v = -most;
            n->value[t * all + i] = s = v >= n->threshold[d];
        }
    }
}

/* Q (Kᵀ V) for each head: the product K V is summed up over the tokens once. */
static void attention(Node *n, const int64_t *x, uint32_t tokens) {
    uint32_t size = n->width / n->heads;
    int64_t *kv = take((size_t)size * size, sizeof *kv);
    for (uint32_t t = 0; t < steps; t++, x += (size_t)tokens * 3 * n->width)
        for (uint32_t first = 0; first < n->width; first += size) {
            memset(kv, 0, (size_t)size * size * sizeof *kv);
            for (uint32_t m = 0; m < tokens; m++) {
                const int64_t *k = x + (size_t)m * 3 * n->width + n->width + first, *v = k + n->width;
                for (uint32_t i = 0; i < size; i++)
                    if (k[i])
                        for (uint32_t j = 0; j < size; j++) kv[i * size + j] += k[i] * v[j];
            }
            for (uint32_t m = 0; m < tokens; m++) {
                const int64_t *q = x + (size_t)m * 3 * n->width + first;
                int64_t *y = n->value + ((size_t)t * tokens + m) * n->width + first;
                memset(y, 0, size * sizeof *y);
                for (uint32_t i = 0; i < size; i++)
                    if (q[i])
                        for (uint32_t j = 0; j < size; j++) y[j] += q[i] * kv[i * size + j];
            }
        }
    free(kv);
}

static void add(Node *n, size_t items) {
    for (size_t i = 0; i < items; i++) {
        n->value[i] = 0;
        for (uint32_t k = 0; k < n->inputs; k++) n->value[i] += nodes[n->input[k]].value[i];
    }
}

static void accumulate(Node *n, size_t items) {
    for (size_t i = 0; i < items; i++) {
        n->value[i] = 0;
        for (uint32_t k = 0; k < n->inputs; k++)
            n->value[i] += nodes[n->input[k]].value[i] * ((int64_t)1 << n->places[k]);
    }
}

/* Whether the best logit is ahead of the next by the margin: the text is done. */
static int decided(const Node *n) {
    uint32_t best = 0;
    uint64_t ahead = UINT64_MAX;
    for (uint32_t c = 1; c < n->width; c++)
        if (n->value[c] > n->value[best]) best = c;
    for (uint32_t c = 0; c < n->width; c++)
        if (c != best && (uint64_t)n->value[best] - (uint64_t)n->value[c] < ahead)
            ahead = (uint64_t)n->value[best] - (uint64_t)n->value[c];
    return n->margin >= 0 && ahead >= (uint64_t)n->margin;
}

/* The logits after step 1, 2, …, until the text is done. */
static void readout(Node *n, const int64_t *x, uint32_t tokens) {
    int64_t *total = take(n->fan_in, sizeof *total);
    for (taken = 0; taken < steps && (!taken || !decided(n));) {
        taken++;
        for (uint32_t m = 0; m < tokens; m++, x += n->fan_in)
            for (uint32_t d = 0; d < n->fan_in; d++) total[d] += x[d];
        for (uint32_t c = 0; c < n->width; c++) n->value[c] = n->bias[c];
        for (uint32_t d = 0; d < n->fan_in; d++) {
            int64_t mean = floor_div(total[d] * ((int64_t)1 << n->shift), (int64_t)taken * tokens);
            for (uint32_t c = 0; c < n->width; c++) n->value[c] += n->weight[(size_t)c * n->fan_in + d] * mean;
        }
    }
    free(total);
}

static void run(const uint32_t *token, uint32_t tokens) {
    for (uint32_t i = 0; i < count; i++) {
        Node *n = nodes + i;
        const int64_t *x = n->inputs ? nodes[n->input[0]].value : NULL;
        size_t rows = (size_t)steps * tokens;
        n->value = take(rows * n->width, sizeof *n->value);
        switch (n->kind) {
        case EMBEDDING: embedding(n, token, tokens); break;
        case LINEAR: linear(n, x, rows); break;
        case LAYER_NORM: layer_norm(n, x, rows); break;
        case LIF: lif(n, x, tokens); break;
        case ATTENTION: attention(n, x, tokens); break;
        case ADD: add(n, rows * n->width); break;
        case ACCUMULATE: accumulate(n, rows * n->width); break;
        case READOUT: readout(n, x, tokens); break;
        }
    }
}

/* The golden spikes and logits of the text that `run` just computed; 1 at the first difference. Behind the last step
   that the text took there are no spikes. */
static int differs(FILE *file, uint32_t text, uint32_t tokens, const int64_t *logits, uint64_t *spikes) {
    for (uint32_t i = 0; i < count; i++) {
        Node *n = nodes + i;
        if (n->kind != LIF) continue;
        size_t row = (n->width + 7) / 8;
        for (size_t r = 0; r < (size_t)steps * tokens; r++) {
            uint8_t *bits = numbers(file, row, 1);
            for (uint32_t d = 0; d < n->width; d++, ++*spikes) {
                int golden = bits[d / 8] >> (7 - d % 8) & 1;
                if ((r / tokens < taken && n->value[r * n->width + d]) != golden) {
                    printf("text %u, step %u, node %u, token %u, neuron %u: %d instead of %d\n", text,
                           (uint32_t)(r / tokens), i, (uint32_t)(r % tokens), d, !golden, golden);
                    return 1;
                }
            }
            free(bits);
        }
    }
    for (uint32_t c = 0; c < labels; c++)
        if (nodes[count - 1].value[c] != logits[c]) {
            printf("text %u: logit %u is %lld instead of %lld\n", text, c, (long long)nodes[count - 1].value[c],
                   (long long)logits[c]);
            return 1;
        }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) die("usage: reference model.bin golden.bin");
    FILE *model = fopen(argv[1], "rb"), *golden = fopen(argv[2], "rb");
    if (!model || !golden) die("cannot open a file");
    check_head(model, "SPKM", 7);
    steps = u32(model), longest = u32(model), labels = u32(model), count = u32(model);
    uint32_t number = version >= 6 ? u32(model) : version == 5; /* that is predicted, in place of a class */
    nodes = take(count, sizeof *nodes);
    for (uint32_t i = 0; i < count; i++) read_node(model, nodes + i, i);
    check_head(golden, "SPKG", 1);
    uint32_t texts = u32(golden);
    uint64_t spikes = 0;
    for (uint32_t text = 0; text < texts; text++) {
        uint32_t tokens = u32(golden), *token = numbers(golden, tokens, 4);
        int64_t *logits = numbers(golden, labels, 8);
        if (!tokens || tokens > longest) die("a text has no tokens, or too many");
        for (uint32_t m = 0; m < tokens; m++)
            if (token[m] >= nodes[0].words) die("a token is beyond the model's words");
        run(token, tokens);
        if (differs(golden, text, tokens, logits, &spikes)) return 1;
        if (number) printf("text %u: score %.6f\n", text, nodes[count - 1].value[0] * nodes[count - 1].scale);
        for (uint32_t i = 0; i < count; i++) free(nodes[i].value);
        free(token), free(logits);
    }
    printf("%u texts: %llu spikes and all logits equal\n", texts, (unsigned long long)spikes);
    return 0;
}
