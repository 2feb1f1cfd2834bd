/* Moves rows down every tree and adds up the leaves, in the order and the precision of XGBoost.
 *
 * Sixteen trees are traversed together: each step waits for memory, and the steps of the others fill the wait. A leaf
 * leads to itself, so that a tree that has reached its leaf can continue with the others. The program does not use
 * Python: `native.py` calls it. It does not check indices: every node must lead to a node of its tree.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define TREES_AT_ONCE 16
#define LEVELS_AT_ONCE 4 /* checking whether all have reached a leaf costs as much as a level */
#define ROWS_AT_ONCE 32  /* a group of trees stays in the cache for these rows */

typedef struct {
  float threshold; /* a smaller value goes left; infinite at a leaf */
  uint16_t left;   /* index within the tree; the right child follows it, and a leaf leads to itself */
  uint16_t cell;   /* index of the value that the node compares */
} Node;

typedef struct {
  int64_t trees;
  const Node *nodes;
  const float *leaves;
  const int32_t *roots;
  const int32_t *order; /* of the trees, the shallow ones first: trees of one group have similar depths */
} Forest;

/* Write the cells of a row: first minus infinity, which leaves compare; then each value twice, a missing one as a
 * value that always goes left, then as one that always goes right. */
static void fill_cells(float *cells, const float *row, size_t features) {
  *cells++ = -INFINITY;
  for (size_t i = 0; i < features; i++) {
    int missing = isnan(row[i]);
    *cells++ = missing ? -INFINITY : row[i];
    *cells++ = missing ? INFINITY : row[i];
  }
}

static void traverse(const Node *const *trees, const float *cells, uint32_t *at) {
  uint32_t moved;
  do {
    uint32_t was[TREES_AT_ONCE];
    for (int level = 0; level < LEVELS_AT_ONCE; level++)
      for (int k = 0; k < TREES_AT_ONCE; k++) {
        Node node = trees[k][at[k]];
        was[k] = at[k];
        at[k] = node.left + (cells[node.cell] >= node.threshold);
      }
    moved = 0;
    for (int k = 0; k < TREES_AT_ONCE; k++) moved |= was[k] ^ at[k];
  } while (moved);
}

static void find_leaves(const Forest *forest, const float *cells, size_t width, int64_t rows, float *reached) {
  for (int64_t first = 0; first < forest->trees; first += TREES_AT_ONCE) {
    const Node *trees[TREES_AT_ONCE];
    int64_t left = forest->trees - first, count = left < TREES_AT_ONCE ? left : TREES_AT_ONCE;
    for (int k = 0; k < TREES_AT_ONCE; k++) /* an incomplete last group traverses one tree several times */
      trees[k] = forest->nodes + forest->roots[forest->order[first + (k < count ? k : 0)]];
    for (int64_t row = 0; row < rows; row++) {
      uint32_t at[TREES_AT_ONCE] = {0};
      traverse(trees, cells + row * width, at);
      for (int k = 0; k < count; k++) {
        int32_t tree = forest->order[first + k];
        reached[row * forest->trees + tree] = forest->leaves[forest->roots[tree] + at[k]];
      }
    }
  }
}

/* Predict `count` rows of `features` values; the sum of a row begins with its start. Returns 1 if out of memory. */
int carvalue_score(const Forest *forest, int64_t features, int64_t count, const float *rows, const float *starts,
                   float *scores) {
  size_t width = 1 + 2 * (size_t)features, trees = (size_t)forest->trees;
  int64_t most = count < ROWS_AT_ONCE ? count : ROWS_AT_ONCE;
  float *cells = malloc((size_t)most * (width + trees) * sizeof(float)), *reached = cells + (size_t)most * width;
  if (cells == NULL) return count > 0;
  for (int64_t first = 0; first < count; first += most) {
    int64_t some = count - first < most ? count - first : most;
    for (int64_t i = 0; i < some; i++) fill_cells(cells + i * width, rows + (first + i) * features, features);
    find_leaves(forest, cells, width, some, reached);
    for (int64_t i = 0; i < some; i++) {
      float sum = starts[first + i];
      for (size_t tree = 0; tree < trees; tree++) sum += reached[i * trees + tree];
      scores[first + i] = sum;
    }
  }
  free(cells);
  return 0;
}
