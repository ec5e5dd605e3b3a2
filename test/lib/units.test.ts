import fc from 'fast-check'
import t from 'tap'
import { formatDuration, formatSize, readDuration, readNumber, readRate, readSize } from '../../lib/units.js'

t.test('reads numbers, sizes and durations', async (t) => {
  const cases: readonly [read: (text: string) => number | undefined, text: string, value: number | undefined][] = [
    [readNumber, '10_000', 10_000],
    [readNumber, '0.5', 0.5],
    [readNumber, '-1', -1],
    [readNumber, '', undefined],
    [readNumber, '_1', undefined],
    [readNumber, '1_', undefined],
    [readNumber, '1e3', undefined],
    [readNumber, '0x10', undefined],
    [readNumber, ' 1', undefined],
    [readSize, '64MiB', 67_108_864],
    [readSize, '1.5KiB', 1536],
    [readSize, '1GiB', 2 ** 30],
    [readSize, '10kB', 10_000],
    [readSize, '1_000B', 1000],
    [readSize, '512', 512],
    [readSize, '64mib', undefined],
    [readSize, '64M', undefined],
    [readSize, 'MiB', undefined],
    [readSize, '-1B', undefined],
    [readSize, '5s', undefined],
    [readDuration, '5s', 5_000],
    [readDuration, '100ms', 100],
    [readDuration, '1.005s', 1_005],
    [readDuration, '2m', 120_000],
    [readDuration, '2min', 120_000],
    [readDuration, '1h', 3_600_000],
    [readDuration, '5d', 432_000_000],
    [readDuration, '250', 250],
    [readDuration, '5 s', undefined],
    [readDuration, '1..5s', undefined],
    [readDuration, '5S', undefined],
    [readRate, '50MB/s', 50_000_000],
    [readRate, '1MiB/s', 1_048_576],
    [readRate, '1Gbit/s', 125_000_000],
    [readRate, '400Mbit/s', 50_000_000],
    [readRate, '9600bit/s', 1_200],
    [readRate, '500/s', 500],
    [readRate, '1_000', 1_000],
    [readRate, '50MB', undefined],
    [readRate, '1Gbit', undefined],
    [readRate, 'Gbit/s', undefined],
    [readRate, '5/s/s', undefined],
    [readRate, '/s', undefined],
  ]
  for (const [read, text, value] of cases) t.equal(read(text), value, `${read.name} '${text}'`)
})

t.test('writes in the largest unit that is exact', async (t) => {
  t.equal(formatSize(67_108_864), '64MiB')
  t.equal(formatSize(1000), '1000B')
  t.equal(formatSize(0), '0B')
  t.equal(formatDuration(5_000), '5s')
  t.equal(formatDuration(1_500), '1500ms')
  t.equal(formatDuration(0.5), '0.5ms')
})

t.test('reads back what it has written', async (t) => {
  fc.assert(fc.property(fc.maxSafeNat(), (size) => readSize(formatSize(size)) === size))
  fc.assert(fc.property(fc.nat({ max: 2 ** 40 }), (ms) => readDuration(formatDuration(ms)) === ms))
  t.pass()
})
