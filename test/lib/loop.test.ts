import { Readable } from 'node:stream'
import t from 'tap'
import { Loop, type LoopSource } from '../../lib/loop.js'
import { settled } from './support/fake-platform.js'

/** What there is to take, and what ends the loop. */
class Shelf implements LoopSource<string> {
  loop: Loop<string> | undefined
  ended = false
  readonly items: (string | Error)[] = []
  taken = 0

  take(): string | undefined {
    if (this.ended) return undefined
    const item = this.items.shift()
    if (item instanceof Error) throw item
    if (item !== undefined) this.taken++
    return item
  }

  put(...items: readonly (string | Error)[]): void {
    this.items.push(...items)
    this.loop?.wake()
  }

  end(): void {
    this.ended = true
    this.loop?.wake()
  }

  open(signal?: AbortSignal): Loop<string> {
    return new Loop(this, signal)
  }
}

const item = (value: string) => ({ done: false, value })
const done = { done: true, value: undefined }

t.test('gives what there is, and waits for what comes', async (t) => {
  const shelf = new Shelf()
  shelf.put('a', 'b')
  const loop = shelf.open()
  t.strictSame(await loop.next(), item('a'))
  t.strictSame(await loop.next(), item('b'))
  const next = loop.next()
  let came = false
  next.then(() => {
    came = true
  })
  await settled()
  t.equal(came, false)
  shelf.put('c')
  t.strictSame(await next, item('c'))
})

t.test('takes nothing before it is asked to', async (t) => {
  const shelf = new Shelf()
  const loop = shelf.open()
  t.equal(shelf.loop, undefined)
  const next = loop.next()
  shelf.put('a', 'b', 'c')
  t.strictSame(await next, item('a'))
  t.equal(shelf.taken, 1)
})

t.test('answers steps that were asked for at once in their order', async (t) => {
  const shelf = new Shelf()
  const loop = shelf.open()
  shelf.put('a')
  const steps = [loop.next(), loop.next(), loop.next(), loop.next()]
  shelf.put('b', 'c')
  t.strictSame(await Promise.all(steps.slice(0, 3)), [item('a'), item('b'), item('c')])
  const fifth = loop.next()
  shelf.put('d', 'e')
  t.strictSame(await Promise.all([steps[3], fifth]), [item('d'), item('e')])
})

t.test('refuses a second loop while the first runs, and lets it run afterwards', async (t) => {
  const shelf = new Shelf()
  shelf.put('a', 'b')
  const first = shelf.open()
  const second = shelf.open()
  await first.next()
  await t.rejects(second.next(), { name: 'FanwireError', code: 'BUSY' })
  t.strictSame(await second.next(), done, 'what was refused is over')
  t.strictSame(await first.next(), item('b'), 'and has done no harm to the other')
  await first.return()
  shelf.put('c')
  const third = shelf.open()
  t.strictSame(await third.next(), item('c'))
})

t.test('is left at any item, and another goes on from there', async (t) => {
  const shelf = new Shelf()
  shelf.put('a', 'b', 'c', 'd')
  const seen: string[] = []
  for await (const value of shelf.open()) {
    seen.push(value)
    if (value === 'b') break
  }
  t.equal(shelf.loop, undefined)
  try {
    for await (const value of shelf.open()) {
      seen.push(value)
      throw new Error('the application has had enough')
    }
  } catch {}
  t.equal(shelf.loop, undefined)
  for await (const value of shelf.open()) {
    seen.push(value)
    if (value === 'd') shelf.end()
  }
  t.strictSame(seen, ['a', 'b', 'c', 'd'])
})

t.test('ends with what it reads from, whether it waits or not', async (t) => {
  const waiting = new Shelf()
  const loop = waiting.open()
  const steps = [loop.next(), loop.next()]
  waiting.end()
  t.strictSame(await Promise.all(steps), [done, done])
  t.strictSame(await loop.next(), done)
  t.strictSame(await waiting.open().next(), done, 'and so does every later one')

  const full = new Shelf()
  full.put('a', 'b')
  const other = full.open()
  await other.next()
  full.end()
  t.strictSame(await other.next(), done, 'what is left is not taken')
  t.equal(full.taken, 1)
})

t.test('ends with its signal, whether it waits or not', async (t) => {
  const shelf = new Shelf()
  const abort = new AbortController()
  const loop = shelf.open(abort.signal)
  const step = loop.next()
  abort.abort()
  t.strictSame(await step, done)
  t.equal(shelf.loop, undefined)
  shelf.put('a')
  t.strictSame(await loop.next(), done)
  t.strictSame(await shelf.open(abort.signal).next(), done, 'aborted before it began')
  t.strictSame(await shelf.open().next(), item('a'), 'nothing was taken')
})

t.test('leaves no listener behind at a signal that lives long', async (t) => {
  const shelf = new Shelf()
  let listeners = 0
  const signal = {
    aborted: false,
    addEventListener: () => listeners++,
    removeEventListener: () => listeners--,
  } as unknown as AbortSignal
  for (let i = 0; i < 3; i++) {
    const loop = shelf.open(signal)
    shelf.put('a')
    await loop.next()
    t.equal(listeners, 1)
    await loop.return()
    t.equal(listeners, 0)
  }
})

t.test('ends with what taking throws, and the next loop goes on behind it', async (t) => {
  const shelf = new Shelf()
  shelf.put('a', new Error('lost'), 'b')
  const loop = shelf.open()
  t.strictSame(await loop.next(), item('a'))
  await t.rejects(loop.next(), { message: 'lost' })
  t.strictSame(await loop.next(), done)
  t.strictSame(await shelf.open().next(), item('b'))
})

t.test('gives what taking throws to the first step that waits, and ends the others', async (t) => {
  const shelf = new Shelf()
  const loop = shelf.open()
  const steps = [loop.next(), loop.next(), loop.next()]
  shelf.put('a', new Error('lost'), 'b')
  const results = await Promise.allSettled(steps)
  t.strictSame(
    results.map((result) => (result.status === 'fulfilled' ? result.value : (result.reason as Error).message)),
    [item('a'), 'lost', done],
  )
  t.strictSame(shelf.items, ['b'])
})

t.test('ends steps that wait when it is returned from or thrown into', async (t) => {
  const shelf = new Shelf()
  const loop = shelf.open()
  const step = loop.next()
  t.strictSame(await loop.return(), done)
  t.strictSame(await step, done)
  const other = shelf.open()
  const waits = other.next()
  await t.rejects(other.throw(new Error('enough')), { message: 'enough' })
  t.strictSame(await waits, done)
  t.equal(shelf.loop, undefined)
})

t.test('can be ended with an error, which the first step that waits gets', async (t) => {
  const shelf = new Shelf()
  const loop = shelf.open()
  t.equal(loop.waits, false)
  const steps = [loop.next(), loop.next()]
  t.equal(loop.waits, true)
  loop.fail(new Error('enough'))
  t.equal(loop.waits, false)
  await t.rejects(steps[0] as Promise<unknown>, { message: 'enough' })
  t.strictSame(await steps[1], done)
  t.equal(shelf.loop, undefined)
})

t.test('can be left while it takes', async (t) => {
  const shelf = new Shelf()
  const loop = shelf.open()
  const { take } = shelf
  shelf.take = () => {
    shelf.take = take
    loop.return()
    return undefined
  }
  t.strictSame(await loop.next(), done)
})

t.test('feeds streams of both kinds', async (t) => {
  const shelf = new Shelf()
  shelf.put('a', 'b', 'c')
  const readable = Readable.from(shelf.open())
  const seen: string[] = []
  for await (const value of readable) if (seen.push(value) === 3) break
  t.strictSame(seen, ['a', 'b', 'c'])
  t.equal(shelf.loop, undefined, 'destroying it ends the loop')

  shelf.put('d', 'e')
  const stream = ReadableStream.from(shelf.open())
  const reader = stream.getReader()
  t.strictSame(await reader.read(), item('d'))
  t.strictSame(await reader.read(), item('e'))
  const waits = reader.read()
  await reader.cancel()
  t.strictSame(await waits, done)
  t.equal(shelf.loop, undefined, 'cancelling it ends the loop')
})
