/* The products y += sum_c P_c^T (mass M_c + stiffness A_c) P_c x over cells that are images of cubes, by sum
   factorisation. cell_products.py states the formulas. LANES cells are computed at once, one in each lane of a vector.

   Every array over the nodes or the points of a cell has the last axis of the cell fastest, and then the lanes. */

#include <stdint.h>

#define LANES 8
#define MOST 32 /* nodes or points along an axis */

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef double stored __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double)))); /* NumPy's arrays */

/* The tables of a cell. nodes, points: their numbers along each axis; there are at least as many points as nodes. n, q:
   the numbers of nodes and points. basis: for each axis, the values of its functions at the points. */
typedef struct {
  int dimension, n, q;
  const int32_t *nodes, *points;
  const double *basis[3];
} tables;

static tables make_tables(int dimension, const int32_t *nodes, const int32_t *points, const double *basis)
{
  tables t = {.dimension = dimension, .n = 1, .q = 1, .nodes = nodes, .points = points};
  for (int k = 0; k < dimension; ++k) {
    t.basis[k] = basis;
    basis += points[k] * nodes[k];
    t.n *= nodes[k], t.q *= points[k];
  }
  return t;
}

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

/* Return the values at the points, which lie in one of the two arrays. The other array has undefined content. */
static lanes *to_points(const tables *t, const int32_t *cell, const double *x, lanes *array, lanes *other)
{
  for (int i = 0; i < t->n; ++i)
    for (int l = 0; l < LANES; ++l)
      array[i][l] = x[cell[i * LANES + l]];
  int before = 1, after = t->n;
  for (int k = 0; k < t->dimension; ++k) {
    after /= t->nodes[k];
    contract(t->basis[k], t->points[k], t->nodes[k], t->nodes[k], 1, before, after, array, other, 0);
    lanes *swap = array;
    array = other, other = swap;
    before *= t->points[k];
  }
  return array;
}

/* Add the transposed of to_points. Both arrays are overwritten. */
static void from_points(const tables *t, const int32_t *cell, lanes *array, lanes *other, double *y)
{
  int before = t->q, after = 1;
  for (int k = t->dimension - 1; k >= 0; --k) {
    before /= t->points[k];
    contract(t->basis[k], t->nodes[k], t->points[k], 1, t->nodes[k], before, after, array, other, 0);
    lanes *swap = array;
    array = other, other = swap;
    after *= t->nodes[k];
  }
  for (int i = 0; i < t->n; ++i)
    for (int l = 0; l < LANES; ++l)
      y[cell[i * LANES + l]] += array[i][l];
}

/* The derivatives along axis k. slopes: at the points, of the polynomials that are 1 at one point and 0 at the others. */
static void differentiate(const tables *t, const double *slopes, int k, const lanes *values, lanes *derivatives)
{
  int p = t->points[k], before = 1;
  for (int l = 0; l < k; ++l)
    before *= t->points[l];
  contract(slopes, p, p, p, 1, before, t->q / p / before, values, derivatives, 0);
}

/* Add the transposed of differentiate. */
static void add_divergence(const tables *t, const double *slopes, int k, const lanes *flux, lanes *values)
{
  int p = t->points[k], before = 1;
  for (int l = 0; l < k; ++l)
    before *= t->points[l];
  contract(slopes, p, p, 1, p, before, t->q / p / before, flux, values, 1);
}

void box_products(int dimension, const int32_t *nodes, const int32_t *points, const double *basis, int64_t batches,
    const double *slopes, const int32_t *dofs, double mass, double stiffness, const double *x, double *y,
    const double *weights, const double *volume, const double *inverse_squares, const double *damping,
    const double *diffusion)
{
  const tables t = make_tables(dimension, nodes, points, basis);
  lanes arrays[3][t.q];
  for (int64_t batch = 0; batch < batches; ++batch) {
    const int32_t *cell = dofs + batch * t.n * LANES;
    const stored *c = (const stored *)damping + batch * t.q, *d = (const stored *)diffusion + batch * t.q;
    const lanes density = mass * ((const stored *)volume)[batch];
    lanes *v = to_points(&t, cell, x, arrays[0], arrays[1]);
    lanes *result = v == arrays[0] ? arrays[1] : arrays[0], *slope = arrays[2];
    for (int i = 0; i < t.q; ++i)
      result[i] = (weights[i] * density + stiffness * c[i]) * v[i];
    for (int k = 0; k < dimension && stiffness != 0; ++k) {
      const lanes scale = stiffness * ((const stored *)inverse_squares)[batch * dimension + k];
      differentiate(&t, slopes, k, v, slope);
      for (int i = 0; i < t.q; ++i)
        slope[i] *= scale * d[i];
      add_divergence(&t, slopes, k, slope, result);
    }
    from_points(&t, cell, result, v, y);
  }
}

/* metric: its entries (k, l), k <= l, at all points, for each batch. */
void curved_products(int dimension, const int32_t *nodes, const int32_t *points, const double *basis, int64_t batches,
    const double *slopes, const int32_t *dofs, double mass, double stiffness, const double *x, double *y,
    const double *measure, const double *damping, const double *metric)
{
  const tables t = make_tables(dimension, nodes, points, basis);
  const int entries = dimension * (dimension + 1) / 2;
  lanes arrays[2][t.q], slope[3][t.q];
  for (int64_t batch = 0; batch < batches; ++batch) {
    const int32_t *cell = dofs + batch * t.n * LANES;
    const stored *w = (const stored *)measure + batch * t.q, *c = (const stored *)damping + batch * t.q;
    const stored *g = (const stored *)metric + batch * entries * t.q;
    lanes *v = to_points(&t, cell, x, arrays[0], arrays[1]);
    lanes *result = v == arrays[0] ? arrays[1] : arrays[0];
    for (int i = 0; i < t.q; ++i)
      result[i] = (mass * w[i] + stiffness * c[i]) * v[i];
    if (stiffness != 0) {
      for (int k = 0; k < dimension; ++k)
        differentiate(&t, slopes, k, v, slope[k]);
      for (int i = 0; i < t.q; ++i) {
        lanes flux[3] = {{0}, {0}, {0}};
        const stored *entry = g + i;
        for (int k = 0; k < dimension; ++k)
          for (int l = k; l < dimension; ++l, entry += t.q) {
            flux[k] += *entry * slope[l][i];
            if (l > k)
              flux[l] += *entry * slope[k][i];
          }
        for (int k = 0; k < dimension; ++k)
          slope[k][i] = stiffness * flux[k];
      }
      for (int k = 0; k < dimension; ++k)
        add_divergence(&t, slopes, k, slope[k], result);
    }
    from_points(&t, cell, result, v, y);
  }
}

/* y += sum_c R_c^T T R'_c x, or its transposed. T interpolates between the nodes of a cell; R'_c and R_c select its coarse
   and its fine nodes. cells: their number, which need not fill the last batch. */
void interpolate(int dimension, const int32_t *coarse, const int32_t *fine, const double *basis, int64_t cells,
    const int32_t *coarse_dofs, const int32_t *fine_dofs, int transposed, const double *x, double *y)
{
  const tables t = make_tables(dimension, coarse, fine, basis);
  lanes arrays[2][t.q];
  for (int64_t batch = 0; batch * LANES < cells; ++batch) {
    const int used = cells - batch * LANES < LANES ? (int)(cells - batch * LANES) : LANES;
    const int32_t *from = coarse_dofs + batch * t.n * LANES, *to = fine_dofs + batch * t.q * LANES;
    if (transposed) {
      for (int i = 0; i < t.q; ++i)
        for (int l = 0; l < LANES; ++l)
          arrays[0][i][l] = l < used ? x[to[i * LANES + l]] : 0;
      from_points(&t, from, arrays[0], arrays[1], y);
    } else {
      const lanes *values = to_points(&t, from, x, arrays[0], arrays[1]);
      for (int i = 0; i < t.q; ++i)
        for (int l = 0; l < used; ++l)
          y[to[i * LANES + l]] += values[i][l];
    }
  }
}
