import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { draw, painter } from '../../../../examples/stock-feed/show/picture.js'
import { scene } from './scenes.js'

const plain = painter(false)

t.test('shows all there is to see on a terminal of the usual size', async (t) => {
  const picture = draw(scene, 79, 23, plain)
  t.equal(picture.length, 23)
  const text = picture.join('\n')
  for (const part of [
    'multicast://239.192.7.1:40001 and tcp://127.0.0.1:40000',
    'pass 40 of 40',
    '40,012 messages/s',
    '12.3 s',
    'BOB          6.9667 ×    100    5.3417 ×  1,900    6.0833   579,962  crossed',
    'ALC           27.06 ×    100     28.00 ×  1,900     23.10    95,822',
    'follows    backpressure:30s       reads           40,012        0  39 × right',
    'drops      drop:newest:1000       reads           40,012  374,631  has holes',
    'arbitrates    35,101    35,101    34,987    34,987     1,717      0  39 × right',
    'asks          35,101    35,101                        35,101      0  39 × right',
    'shrugs        35,101    33,348    34,987    33,234         0  1,753  has holes',
    'relay                                                                passes on',
    '8.0 s  stops does thing 8',
  ]) {
    t.ok(text.includes(part), part)
  }
})

t.test(
  'shows the ledgers of the lines and of the relay, what the viewers received, and more of what happened, where there is room',
  async (t) => {
    const text = draw(scene, 119, 60, plain).join('\n')
    t.match(text, /line +leads to +messages +datagrams +lost +twice +overtaken\n/)
    t.match(text, /B +multicast:\/\/239\.192\.7\.2:40002 +702,699 +34,980 +1,745 +698 +702\n/)
    t.match(text, /conflates +702,921 = +222,360 \+ +203,415 \+ +61 \+ +0 \+ +480,500/)
    t.match(text, /acknowledged {2}dropped as/)
    t.match(text, /superseded\n/)
    t.match(text, /seen by +span = filtered \+ declared \+ missing \+ +lost \+ received/)
    t.match(text, /follows +702,699 = +222,299 \+ +0 \+ +0 \+ +0 \+ +480,400/)
    t.match(text, /1\.0 s {2}stops does thing 1\n/)
    t.notMatch(text, /does thing 0/, 'the oldest is forgotten')
  },
)

t.test('draws no line too wide for the terminal, with colours as without', async (t) => {
  for (let columns = 39; columns <= 200; columns++) {
    const coloured = draw(scene, columns, 50, painter(true))
    t.strictSame(coloured.map(stripVTControlCharacters), draw(scene, columns, 50, plain))
    const tooWide = coloured.map(stripVTControlCharacters).filter((line) => line.length > columns)
    t.strictSame(tooWide, [], `${columns} columns`)
  }
})

t.test('writes no sum of which a part is missing', async (t) => {
  for (let columns = 39; columns <= 79; columns++) {
    for (const line of draw(scene, columns, 50, plain)) {
      if (/ [=+] /.test(line)) t.match(line, / = .* \+ .* \+ .* \+ .* \+ /, `${columns} columns`)
    }
  }
})

t.test('has room for many stocks without pushing out anything else', async (t) => {
  const [stock] = scene.market
  if (stock === undefined) throw new Error('no stock to copy')
  const market = Array.from({ length: 12 }, (_, i) => ({ ...stock, symbol: `S${12 - i}` }))
  for (const rows of [23, 26, 50]) {
    const picture = draw({ ...scene, market }, 79, rows, plain)
    t.ok(picture.length <= rows, `${picture.length} lines for ${rows} rows`)
    t.match(picture.join('\n'), /stops does thing 8/)
    const stocks = picture.filter((line) => /^S\d/.test(line)).map((line) => line.split(' ')[0])
    t.equal(stocks.length, Math.min(12, rows - 19))
    t.strictSame(stocks, [...stocks].sort())
  }
})
