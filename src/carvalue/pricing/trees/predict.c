/* Moves rows down every tree and adds up the leaves, in the order and the precision of XGBoost.
 *
 * A node takes four bytes: a value is replaced by its rank among the thresholds of its feature, and ranks are
 * compared. Sixty-four trees are traversed together: each step waits for memory, and the steps of the others fill the
 * wait. The program does not use Python: `native.py` calls it. It does not check indices: every node must lead to a
 * node of its tree.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define TREES_AT_ONCE 64 /* their nodes stay in the cache for all rows */
#define ROWS_AT_ONCE 64  /* a group of trees is used for so many rows */
#define LEVELS_AT_ONCE 2 /* leaving out the trees that have reached a leaf costs as much as a level */

/* A node, from its lowest bits: 11 bits for the distance to the left child (the right child follows it; 0 at a leaf),
 * 7 bits for the cell that it compares, 14 bits for the lowest rank that goes right. */
typedef uint32_t Node;
#define TO_LEFT(node) ((int32_t)((node) & 0x7ff))
#define CELL(node) ((node) >> 11 & 0x7f)
#define RANK(node) ((int32_t)((node) >> 18))
#define LAST_RANK 0x3fff /* of a missing value that goes right, above that of every value */

typedef struct {
  int64_t trees, features;
  const Node *nodes;
  const float *leaves;
  const int32_t *roots;
  const float *thresholds; /* of each feature in turn, increasing */
  const int32_t *first;    /* index of each feature's first threshold, and the number of all */
} Forest;

/* Count the thresholds that are not above a value. */
static int32_t rank_of(float value, const float *thresholds, int32_t count) {
  int32_t low = 0;
  while (count > 0) {
    int32_t half = count / 2;
    if (thresholds[low + half] <= value) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

/* Write the cells of a row: first rank 0, which leaves compare, so that they stay where they are; then the rank of
 * each value twice, that of a missing one as the rank that always goes left, then as the one that never does. */
static void fill_cells(const Forest *forest, int32_t *cells, const float *row) {
  *cells++ = 0;
  for (int64_t i = 0; i < forest->features; i++) {
    int missing = isnan(row[i]);
    int32_t first = forest->first[i];
    int32_t rank = missing ? 0 : rank_of(row[i], forest->thresholds + first, forest->first[i + 1] - first);
    *cells++ = rank;
    *cells++ = missing ? LAST_RANK : rank;
  }
}

/* Move a row down a group of trees. After every few levels the trees that have reached a leaf are left out. */
static void traverse(const Node *nodes, const int32_t *cells, const int32_t *roots, int count, int32_t *reached) {
  int32_t at[TREES_AT_ONCE], tree[TREES_AT_ONCE];
  for (int k = 0; k < count; k++) {
    at[k] = roots[k];
    tree[k] = k;
  }
  while (count > 0) {
    for (int level = 0; level < LEVELS_AT_ONCE; level++)
      for (int k = 0; k < count; k++) {
        Node node = nodes[at[k]];
        at[k] += TO_LEFT(node) + (cells[CELL(node)] >= RANK(node));
      }
    int left = 0;
    for (int k = 0; k < count; k++) {
      reached[tree[k]] = at[left] = at[k];
      tree[left] = tree[k];
      left += TO_LEFT(nodes[at[k]]) != 0;
    }
    count = left;
  }
}

static void score_some(const Forest *forest, const int32_t *cells, size_t width, int64_t rows, float *scores) {
  for (int64_t first = 0; first < forest->trees; first += TREES_AT_ONCE) {
    int64_t left = forest->trees - first;
    int count = left < TREES_AT_ONCE ? (int)left : TREES_AT_ONCE;
    for (int64_t row = 0; row < rows; row++) {
      int32_t reached[TREES_AT_ONCE];
      traverse(forest->nodes, cells + row * width, forest->roots + first, count, reached);
      for (int k = 0; k < count; k++) scores[row] += forest->leaves[reached[k]];
    }
  }
}

/* Add the leaves of `count` rows of `stride` values to their scores. Returns 1 if out of memory. */
int carvalue_score(const Forest *forest, int64_t stride, int64_t count, const float *rows, float *scores) {
  size_t width = 1 + 2 * (size_t)forest->features;
  int64_t most = count < ROWS_AT_ONCE ? count : ROWS_AT_ONCE;
  int32_t *cells = malloc((size_t)most * width * sizeof(int32_t));
  if (cells == NULL) return count > 0;
  for (int64_t first = 0; first < count; first += most) {
    int64_t some = count - first < most ? count - first : most;
    for (int64_t i = 0; i < some; i++) fill_cells(forest, cells + i * width, rows + (first + i) * stride);
    score_some(forest, cells, width, some, scores + first);
  }
  free(cells);
  return 0;
}
