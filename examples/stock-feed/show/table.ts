export interface Column<Row> {
  readonly title: string
  /** Stands between this column and the one before. @default two spaces */
  readonly before?: string
  /** Words to the left, figures to the right. */
  readonly align: 'left' | 'right'
  /** Where there is no room for all, those with the highest go. 0 stays whatever happens. */
  readonly rank: number
  /** No narrower than this, so that columns stay where they are while figures grow. */
  readonly least?: number
  cell(row: Row): string
  /** Colours a cell that is already as wide as its column. */
  paint?(text: string, row: Row): string
}

/** A line of titles and one for each row, none wider than `width` as long as columns can be left out. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
  paintTitle: (text: string) => string,
): string[] {
  const fitting = fit(columns, rows, width)
  const titles = fitting.map(({ column, size }) => paintTitle(pad(column.title, size, column.align)))
  const lines = rows.map((row) =>
    fitting.map(({ column, size }) => {
      const text = pad(column.cell(row), size, column.align)
      return column.paint?.(text, row) ?? text
    }),
  )
  return [titles, ...lines].map((cells) =>
    cells.reduce((line, cell, i) => `${line}${i === 0 ? '' : separator(fitting[i]?.column)}${cell}`, ''),
  )
}

interface Fitting<Row> {
  readonly column: Column<Row>
  readonly size: number
}

function fit<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): Fitting<Row>[] {
  const sized = columns.map((column) => ({
    column,
    size: Math.max(column.least ?? 0, column.title.length, ...rows.map((row) => column.cell(row).length)),
  }))
  const ranks = [...new Set(columns.map(({ rank }) => rank))].sort((a, b) => b - a)
  let fitting = sized
  for (const rank of ranks) {
    if (rank === 0 || widthOf(fitting) <= width) break
    fitting = fitting.filter(({ column }) => column.rank !== rank)
  }
  return fitting
}

function widthOf<Row>(fitting: readonly Fitting<Row>[]): number {
  return fitting.reduce((sum, { column, size }, i) => sum + size + (i === 0 ? 0 : separator(column).length), 0)
}

function separator<Row>(column: Column<Row> | undefined): string {
  return column?.before ?? '  '
}

function pad(text: string, size: number, align: 'left' | 'right'): string {
  return align === 'left' ? text.padEnd(size) : text.padStart(size)
}
