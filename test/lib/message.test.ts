import { inspect } from 'node:util'
import t from 'tap'
import { bytes, json } from '../../lib/codec.js'
import { FakeSource } from './support/fake-source.js'

const utf8 = (text: string) => new TextEncoder().encode(text)

t.test('shows topic and data as text, as bytes and as values', async (t) => {
  const source = new FakeSource()
  const [first, second] = source.messages([
    { topic: 'trades.é', data: '{"price":5}', number: 7, missed: 2 },
    { topic: '', data: '' },
  ])
  t.match(first, { topic: 'trades.é', sequence: 7, missed: 2, stream: 'STREAM0001' })
  t.strictSame(first?.topicBytes, utf8('trades.é'))
  t.strictSame(first?.data, utf8('{"price":5}'))
  t.equal(first?.text(), '{"price":5}')
  t.strictSame(first?.json(), { price: 5 })
  t.match(second, { topic: '', sequence: undefined, missed: 0 })
  t.equal(second?.data.length, 0)
  t.equal(second?.text(), '')
  t.throws(() => second?.json(), SyntaxError)
})

t.test('gives a view of what arrived, the same each time', async (t) => {
  const message = new FakeSource().message({ data: 'abc' })
  t.equal(message.data, message.data)
  t.equal(message.data.buffer, message.chunk.bytes.buffer)
  t.equal(message.value, message.data, 'without a codec the value is the data')
})

t.test('replaces what is no UTF-8, and gives the bytes as they are', async (t) => {
  const message = new FakeSource().message({ topic: Uint8Array.of(0x61, 0xff), data: Uint8Array.of(0xfe, 0x62) })
  t.equal(message.topic, 'a\ufffd')
  t.strictSame([...message.topicBytes], [0x61, 0xff])
  t.equal(message.text(), '\ufffdb')
})

t.test('has topic and data as frames, or all frames of a message of another shape', async (t) => {
  const source = new FakeSource()
  source.stream = undefined
  t.strictSame(source.message({ topic: 'a', data: 'b' }).frames, [utf8('a'), utf8('b')])
  const frames = ['a', 'b', 'c'].map(utf8)
  const message = source.message({ topic: 'a', data: 'b', frames })
  t.equal(message.frames, frames)
  t.equal(message.stream, undefined)
})

t.test('has what the codec made of it as its value, undefined and null included', async (t) => {
  const source = new FakeSource()
  const values = ['null', '0', '""', '{"a":[1]}'].map((data) => {
    const message = source.message({ data })
    message.decoded = json().decode(message.data) as never
    return message.value
  })
  t.strictSame(values, [null, 0, '', { a: [1] }])
  const message = source.message({})
  message.decoded = undefined as never
  t.equal(message.value, undefined, 'a codec may make anything of the data')
})

t.test('copies itself into memory of its own', async (t) => {
  const source = new FakeSource()
  const frames = ['b', 'abc', 'extra'].map(utf8)
  const [, message] = source.messages([
    { data: new Uint8Array(5_000) },
    { topic: 'b', data: 'abc', number: 9, missed: 4, place: 3, frames },
  ])
  if (message === undefined) throw new Error('no message')
  message.decoded = { some: 'value' } as never
  const copy = message.copy()
  t.match(copy, { topic: 'b', sequence: 9, missed: 4, stream: 'STREAM0001' })
  t.equal(copy.text(), 'abc')
  t.strictSame(copy.frames, frames)
  t.equal(copy.value, message.value)
  message.chunk.bytes.fill(0)
  for (const frame of frames) frame.fill(0)
  t.strictSame([copy.topic, copy.text()], ['b', 'abc'])
  t.strictSame(copy.frames, ['b', 'abc', 'extra'].map(utf8))
  t.ok(copy.data.buffer.byteLength < 100)
  t.equal(
    copy.chunk.bytes.length,
    ['b', 'abc', 'b', 'abc', 'extra'].join('').length,
    'which counts the memory of all frames',
  )
  copy.ack()
  t.strictSame(source.settled, [3], 'it is the same message')
})

t.test('copies the bytes, too, that a codec had left where they were', async (t) => {
  const message = new FakeSource().message({ data: 'abc', beside: 5_000 })
  message.decoded = bytes().decode(message.data) as never
  const copy = message.copy()
  t.strictSame(copy.value, utf8('abc'))
  t.not((copy.value as Uint8Array).buffer, message.data.buffer)
})

t.test('tells its source that the application is done with it', async (t) => {
  const source = new FakeSource()
  source.message({ place: 12 }).ack()
  t.strictSame(source.settled, [12])
})

t.test('shows itself to people rather than how it is held', async (t) => {
  const shown = inspect(new FakeSource().message({ topic: 'b', data: 'c', number: 9 }))
  t.match(shown, /topic: 'b'/)
  t.match(shown, /sequence: 9/)
  t.notMatch(shown, /chunk|place/)
})
