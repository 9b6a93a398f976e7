/* The products y += sum_c P_c^T (mass M_c + stiffness A_c) P_c x over cells that are boxes, by sum factorisation.
   box_products.py states the formulas. LANES cells are computed at once, one in each lane of a vector.

   Every array over the nodes or the points of a cell has the last axis of the cell fastest, and then the lanes. */

#include <stdint.h>

#define LANES 8
#define MOST 32 /* nodes or points along an axis */

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef double stored __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double)))); /* in NumPy's arrays */

/* out[b][r][a] = sum_c t[r * row + c * column] in[b][c][a],  or the old value plus this sum if `add`,
   for b < before, r < rows, c < columns, a < after. */
static inline __attribute__((always_inline)) void contract_columns(const double *t, int rows, int columns, int row,
    int column, int before, int after, const lanes *in, lanes *out, int add)
{
  for (int b = 0; b < before; ++b)
    for (int a = 0; a < after; ++a) {
      lanes x[MOST];
      for (int c = 0; c < columns; ++c)
        x[c] = in[(b * columns + c) * after + a];
      for (int r = 0; r < rows; ++r) {
        lanes *to = &out[(b * rows + r) * after + a];
        lanes sum = add ? *to : (lanes){0};
        for (int c = 0; c < columns; ++c)
          sum += t[r * row + c * column] * x[c];
        *to = sum;
      }
    }
}

static void contract(const double *t, int rows, int columns, int row, int column, int before, int after,
    const lanes *in, lanes *out, int add)
{
#define CASE(n) \
  case n: \
    contract_columns(t, rows, n, row, column, before, after, in, out, add); \
    break;
  switch (columns) { /* the compiler unrolls sums over these numbers of columns */
    CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9)
  default:
    contract_columns(t, rows, columns, row, column, before, after, in, out, add);
  }
#undef CASE
}

/* nodes: their number along each axis, at most `points`. basis: the tables of the axes, one after the other. */
void box_products(int dimension, const int32_t *nodes, int points, int64_t batches, const double *basis,
    const double *slopes, const double *weights, const int32_t *dofs, const double *volume,
    const double *inverse_squares, const double *damping, const double *diffusion, double mass, double stiffness,
    const double *x, double *y)
{
  int n = 1, q = 1;
  const double *tables[3];
  for (int k = 0; k < dimension; ++k) {
    tables[k] = basis;
    basis += points * nodes[k];
    n *= nodes[k], q *= points;
  }
  lanes arrays[3][q];
  for (int64_t batch = 0; batch < batches; ++batch) {
    const int32_t *cell = dofs + batch * n * LANES;
    lanes *from = arrays[0], *to = arrays[1], *slope = arrays[2], *swap;
#define SWAP swap = from, from = to, to = swap
    for (int i = 0; i < n; ++i)
      for (int l = 0; l < LANES; ++l)
        from[i][l] = x[cell[i * LANES + l]];

    int before = 1, after = n;
    for (int k = 0; k < dimension; ++k) { /* from the nodes to the points */
      after /= nodes[k];
      contract(tables[k], points, nodes[k], nodes[k], 1, before, after, from, to, 0);
      SWAP;
      before *= points;
    }

    const stored *c = (const stored *)damping + batch * q, *d = (const stored *)diffusion + batch * q;
    const lanes density = mass * ((const stored *)volume)[batch];
    for (int i = 0; i < q; ++i)
      to[i] = (weights[i] * density + stiffness * c[i]) * from[i];
    before = 1, after = q;
    for (int k = 0; k < dimension && stiffness != 0; ++k) {
      after /= points;
      const lanes scale = stiffness * ((const stored *)inverse_squares)[batch * dimension + k];
      contract(slopes, points, points, points, 1, before, after, from, slope, 0);
      for (int i = 0; i < q; ++i)
        slope[i] *= scale * d[i];
      contract(slopes, points, points, 1, points, before, after, slope, to, 1);
      before *= points;
    }
    SWAP;

    before = q, after = 1;
    for (int k = dimension - 1; k >= 0; --k) { /* from the points to the nodes */
      before /= points;
      contract(tables[k], nodes[k], points, 1, nodes[k], before, after, from, to, 0);
      SWAP;
      after *= nodes[k];
    }
    for (int i = 0; i < n; ++i)
      for (int l = 0; l < LANES; ++l)
        y[cell[i * LANES + l]] += from[i][l];
#undef SWAP
  }
}
