import fc from 'fast-check'
import t from 'tap'
import { formats, type Printable, readJson } from '../../cli/format.js'

const bytes = (...data: (string | number[])[]) =>
  Buffer.concat(data.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))))
const message = (data: Uint8Array, more: Partial<Printable> = {}): Printable => ({ topic: 'a', data, ...more })

t.test('json has all there is to know, on one line', async (t) => {
  const full = message(bytes('x\ny'), { sequence: 7, stream: '0123456789', missed: 2, time: 1_700_000_000_000_000 })
  t.equal(
    formats.json(full),
    '{"topic":"a","data":"x\\ny","sequence":7,"stream":"0123456789","missed":2,"time":1700000000000000}\n',
  )
  t.equal(formats.json(message(bytes('x'), { missed: 0, redelivered: false })), '{"topic":"a","data":"x"}\n')
  t.equal(formats.json(message(bytes('x'), { redelivered: true })), '{"topic":"a","data":"x","redelivered":true}\n')
  t.equal(formats.json(message(bytes([0xff, 0x00]))), '{"topic":"a","data":"/wA=","encoding":"base64"}\n')
  t.equal(
    formats.json(message(bytes([0xef, 0xbb, 0xbf], 'x'))),
    '{"topic":"a","data":"\ufeffx"}\n',
    'a BOM is data too',
  )
})

t.test('text is one line, whatever is in it', async (t) => {
  t.equal(formats.text(message(bytes('héllo\twörld'))), 'héllo\twörld\n')
  t.equal(formats.text(message(bytes('a\nb\r\u001b[31m\u0085'))), 'a\\u000ab\\u000d\\u001b[31m\\u0085\n')
  t.equal(formats.text(message(bytes([0xff]))), '\ufffd\n')
  t.equal(formats.text(message(bytes())), '\n')
})

t.test('hex and raw show the bytes', async (t) => {
  const data = bytes('skip', [0x00, 0xff]).subarray(4)
  t.equal(formats.hex(message(data)), '00ff\n')
  t.equal(formats.raw(message(data)), data)
  t.equal(formats.hex(message(new Uint8Array(data))), '00ff\n')
})

t.test('what json writes it also reads', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array(), (topic, data) => {
      const read = readJson(formats.json({ topic, data }))
      return read.topic === topic && Buffer.compare(Buffer.from(read.data as string), Buffer.from(data)) === 0
    }),
  )
  t.strictSame(readJson('{"data":"x","sequence":5}'), { topic: undefined, data: 'x' })
  t.pass()
})

t.test('says what is wrong with a line', async (t) => {
  const cases: readonly [line: string, message: RegExp][] = [
    ['', /JSON/],
    ['{', /JSON/],
    ['[]', /not an object/],
    ['null', /not an object/],
    ['{"topic":5,"data":""}', /topic is not a string/],
    ['{"topic":"a"}', /data is not a string/],
    ['{"data":"","encoding":"hex"}', /encoding is not 'base64'/],
  ]
  for (const [line, message] of cases) t.throws(() => readJson(line), { message }, line)
})
