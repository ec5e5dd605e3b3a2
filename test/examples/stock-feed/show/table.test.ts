import t from 'tap'
import { type Column, table } from '../../../../examples/stock-feed/show/table.js'

type Row = readonly [name: string, count: number, note: string]

const columns: Column<Row>[] = [
  { title: 'name', align: 'left', rank: 0, cell: ([name]) => name },
  { title: 'count', before: ' = ', align: 'right', rank: 1, least: 7, cell: ([, count]) => String(count) },
  { title: 'note', align: 'left', rank: 2, cell: ([, , note]) => note, paint: (text) => `<${text}>` },
]
const rows: Row[] = [
  ['alpha', 12, 'fine'],
  ['be', 123_456, ''],
]
const plain = (text: string) => text

t.test('sets words to the left and figures to the right, each column as wide as its widest cell', async (t) => {
  t.strictSame(table(columns, rows, 80, plain), [
    'name  =   count  note',
    'alpha =      12  <fine>',
    'be    =  123456  <    >',
  ])
})

t.test('leaves out the columns with the highest rank until the rest fits', async (t) => {
  t.strictSame(table(columns, rows, 20, plain), ['name  =   count', 'alpha =      12', 'be    =  123456'])
  t.strictSame(table(columns, rows, 14, plain), ['name ', 'alpha', 'be   '])
  t.strictSame(table(columns, rows, 1, plain), ['name ', 'alpha', 'be   '], 'what has rank 0 stays')
})

t.test('has its titles even when there are no rows', async (t) => {
  t.strictSame(
    table(columns, [], 80, (title) => title.toUpperCase()),
    ['NAME =   COUNT  NOTE'],
  )
})
