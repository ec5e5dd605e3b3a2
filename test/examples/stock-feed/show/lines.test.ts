import t from 'tap'
import { describe, describeHappening } from '../../../../examples/stock-feed/show/lines.js'
import { scene } from './scenes.js'

t.test('says all about a moment in lines that stand for themselves', async (t) => {
  t.strictSame(describe(scene), [
    '  12.3 s  publisher   pass 40 of 40, 480,000 messages sent, 40,012/s',
    '  12.3 s  ALC         bid 27.06 × 100, ask 28.00 × 1,900, last 23.10, volume 95,822',
    '  12.3 s  BOB         bid 6.9667 × 100, ask 5.3417 × 1,900, last 6.0833, volume 579,962, crossed',
    '  12.3 s  CHAR        bid – × 0, ask 19.5750 × 1,900, last –, volume 0',
    '  12.3 s  arbitrates  reads, 0 lost; line A missed 35,101, 35,101 repaired; line B missed 34,987, 34,987 repaired; 1,717 asked for',
    '  12.3 s  asks        reads, 0 lost; line A missed 35,101, 35,101 repaired; 35,101 asked for',
    '  12.3 s  shrugs      reads, 1,753 lost; line A missed 35,101, 33,348 repaired; line B missed 34,987, 33,234 repaired; 0 asked for',
    '  12.3 s  relay       starts',
    '  12.3 s  follows     reads, 40,012/s, 0 missed; 702,921 considered = 222,360 filtered + 0 dropped + 61 waiting + 0 in flight + 480,500 handed',
    '  12.3 s  conflates   reads, 40,012/s, 203,415 missed; 702,921 considered = 222,360 filtered + 203,415 dropped + 61 waiting + 0 in flight + 480,500 handed',
    '  12.3 s  drops       reads, 40,012/s, 374,631 missed; 702,921 considered = 222,360 filtered + 374,631 dropped + 61 waiting + 0 in flight + 480,500 handed',
    '  12.3 s  returns     starts, 40,012/s, 0 missed',
    '  12.3 s  stops       cut off, 0/s, 0 missed; 702,921 considered = 222,360 filtered + 0 dropped + 61 waiting + 0 in flight + 480,500 handed',
  ])
})

t.test('says nothing before the first message', async (t) => {
  t.strictSame(describe({ ...scene, pass: 0 }), [])
})

t.test('tells what happened', async (t) => {
  t.equal(describeHappening({ at: 1_234, who: 'stops', what: 'is cut off' }), '   1.2 s  stops       is cut off')
})
