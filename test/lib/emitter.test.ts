import { getEventListeners, on, once } from 'node:events'
import { test } from 'tap'
import { Emitter } from '../../lib/emitter.js'

interface Events {
  gap: [from: number, to: number]
  slow: []
}

class Subject extends Emitter<Events> {
  gap(from: number, to: number): void {
    this.emit('gap', from, to)
  }
}

test('tells every listener of an event, in order, with its arguments', async (t) => {
  const subject = new Subject()
  const seen: string[] = []
  subject.on('gap', (from, to) => seen.push(`a ${from} ${to}`)).on('gap', (from) => seen.push(`b ${from}`))
  subject.gap(3, 5)
  t.strictSame(seen, ['a 3 5', 'b 3'])
})

test('tells a once listener one time, even when it emits again itself', async (t) => {
  const subject = new Subject()
  let calls = 0
  subject.once('gap', () => {
    calls++
    subject.gap(1, 2)
  })
  subject.gap(1, 2)
  subject.gap(1, 2)
  t.equal(calls, 1)
})

test('removes one registration at a time, a once listener by the function it was given', async (t) => {
  const subject = new Subject()
  let calls = 0
  const listener = () => calls++
  subject.on('gap', listener).once('gap', listener)
  subject.off('gap', listener)
  subject.gap(1, 2)
  subject.gap(1, 2)
  t.equal(calls, 2, 'the once registration, being the younger, went')
  subject.removeListener('gap', listener).off('gap', listener)
  subject.gap(1, 2)
  t.equal(calls, 2)
})

test('a listener removed during an event still hears that one, as in Node', async (t) => {
  const subject = new Subject()
  const seen: string[] = []
  const second = () => seen.push('second')
  subject.on('gap', () => subject.off('gap', second))
  subject.on('gap', second)
  subject.gap(1, 2)
  subject.gap(1, 2)
  t.strictSame(seen, ['second'])
})

test('knows who listens to what', async (t) => {
  const subject = new Subject()
  const listener = () => {}
  t.strictSame(subject.eventNames(), [])
  subject.addListener('gap', listener).once('gap', listener)
  t.strictSame(subject.eventNames(), ['gap'])
  t.equal(subject.listenerCount('gap'), 2)
  t.equal(subject.listenerCount('slow'), 0)
  t.strictSame(getEventListeners(subject, 'gap'), [listener, listener])
  t.strictSame(subject.rawListeners('gap'), [listener, listener])
  subject.gap(1, 2)
  t.equal(subject.listenerCount('gap'), 1)
  subject.off('gap', listener)
  t.strictSame(subject.eventNames(), [])
})

test('tells those first who went to the head of the line', async (t) => {
  const subject = new Subject()
  const seen: string[] = []
  subject.on('gap', () => seen.push('on'))
  subject.prependListener('gap', () => seen.push('first')).prependOnceListener('gap', () => seen.push('first, once'))
  subject.gap(1, 2)
  subject.gap(1, 2)
  t.strictSame(seen, ['first, once', 'first', 'on', 'first', 'on'])
})

test('forgets all listeners of one event, or of every event', async (t) => {
  const subject = new Subject()
  const listener = () => {}
  subject.on('gap', listener).on('gap', listener).on('slow', listener)
  t.strictSame(subject.removeAllListeners('gap').eventNames(), ['slow'])
  t.strictSame(subject.on('gap', listener).removeAllListeners().eventNames(), [])
})

test('says whether anybody was told', async (t) => {
  const subject = new Subject()
  t.equal(subject.emit('gap', 1, 2), false)
  t.equal(subject.once('gap', () => {}).emit('gap', 1, 2), true)
})

test('any number may listen, and nobody is warned', async (t) => {
  const warned: Error[] = []
  const warn = (warning: Error) => warning.name === 'MaxListenersExceededWarning' && warned.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const subject = new Subject()
  t.equal(subject.setMaxListeners(1).getMaxListeners(), Infinity)
  for (let i = 0; i < 100; i++) subject.on('gap', () => {})
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(subject.listenerCount('gap'), 100)
  t.strictSame(warned, [])
})

test('events.once of Node works', async (t) => {
  const subject = new Subject()
  const waiting = once(subject, 'gap')
  subject.gap(7, 9)
  t.strictSame(await waiting, [7, 9])
  t.notOk(subject.listenerCount('gap') > 0)
  t.strictSame(subject.eventNames(), [], 'and leaves nothing behind')
})

test('events.on of Node works', async (t) => {
  const subject = new Subject()
  const gaps = on(subject, 'gap')
  subject.gap(1, 2)
  subject.gap(7, 9)
  t.strictSame(await gaps.next(), { value: [1, 2], done: false })
  t.strictSame(await gaps.next(), { value: [7, 9], done: false })
  await gaps.return?.()
  t.strictSame(subject.eventNames(), [])
})

test('events.once of Node can be aborted', async (t) => {
  const subject = new Subject()
  const controller = new AbortController()
  const waiting = once(subject, 'gap', { signal: controller.signal })
  controller.abort()
  await t.rejects(waiting, { name: 'AbortError' })
  t.notOk(subject.listenerCount('gap') > 0)
})

test('a listener that throws stops nobody else, and its error is an uncaught exception', async (t) => {
  const subject = new Subject()
  const seen: string[] = []
  subject.on('gap', () => {
    throw new Error('careless')
  })
  subject.on('gap', () => seen.push('told'))
  const caught = new Promise<Error>((resolve) => process.once('uncaughtException', resolve))
  subject.gap(1, 2)
  t.strictSame(seen, ['told'])
  t.match(await caught, { message: 'careless' })
})

test('refuses a listener that is no function', async (t) => {
  t.throws(() => new Subject().on('gap', undefined as never), TypeError)
})
