import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { Output } from '../../cli/output.js'

const never = new AbortController().signal

t.test('writes once a turn, text as well as bytes', async (t) => {
  const stream = new PassThrough()
  const output = new Output(stream, never)
  t.equal(output.write('a\n'), undefined)
  t.equal(output.write('é\n'), undefined)
  t.equal(stream.readableLength, 0)
  const [text] = await once(stream, 'data')
  t.equal(String(text), 'a\né\n')
  output.write(Buffer.from([0xff]))
  output.write(Buffer.from([0x00]))
  output.flush()
  t.same((await once(stream, 'data'))[0], Buffer.from([0xff, 0x00]))
})

t.test('does not wait for the end of a turn that brings much', async (t) => {
  const stream = new PassThrough({ highWaterMark: 2 ** 20 })
  const output = new Output(stream, never)
  for (let i = 0; i < 66; i++) output.write('x'.repeat(1_000))
  t.equal(stream.readableLength, 66_000)
  output.write('y')
  output.flush()
  t.equal(stream.readableLength, 66_001)
})

t.test('holds the writer back while the reader is behind, with one listener however long that takes', async (t) => {
  const stream = new PassThrough({ highWaterMark: 4 })
  const output = new Output(stream, never)
  output.write('12345')
  output.flush()
  const behind = output.write('6')
  t.ok(behind)
  for (let i = 0; i < 50; i++) {
    t.equal(output.write('7'), behind)
    output.flush()
  }
  t.equal(stream.listenerCount('drain'), 1)
  stream.resume()
  await behind
  t.equal(output.write('8'), undefined)
  output.flush()
})

t.test('gives up waiting when it is stopped, or the stream fails', async (t) => {
  const stop = new AbortController()
  const wait = (stream: PassThrough) => {
    const output = new Output(stream, stop.signal)
    output.write('12')
    output.flush()
    return output.write('3') as Promise<void>
  }
  const broken = new PassThrough({ highWaterMark: 1 })
  const failing = wait(broken)
  broken.destroy(new Error('broken'))
  await t.rejects(failing, { message: 'broken' })
  const stopping = wait(new PassThrough({ highWaterMark: 1 }))
  stop.abort()
  await t.rejects(stopping, { name: 'AbortError' })
})
