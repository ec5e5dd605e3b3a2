import { type EventEmitter, once } from 'node:events'
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

  override listens(name: keyof Events): boolean {
    return super.listens(name)
  }
}

// The types of events.once ask for all fifteen methods of an EventEmitter; its code calls on, once and removeListener.
const asNode = (subject: Subject) => subject as unknown as EventEmitter

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

test('knows whether anybody listens', async (t) => {
  const subject = new Subject()
  const listener = () => {}
  t.notOk(subject.listens('gap'))
  subject.on('gap', listener)
  t.ok(subject.listens('gap'))
  t.notOk(subject.listens('slow'))
  subject.off('gap', listener)
  t.notOk(subject.listens('gap'))
  subject.once('gap', listener)
  subject.gap(1, 2)
  t.notOk(subject.listens('gap'))
})

test('events.once of Node works', async (t) => {
  const subject = new Subject()
  const waiting = once(asNode(subject), 'gap')
  subject.gap(7, 9)
  t.strictSame(await waiting, [7, 9])
  t.notOk(subject.listens('gap'))
  t.notOk(subject.listens('error' as keyof Events), 'and leaves nothing behind')
})

test('events.once of Node can be aborted', async (t) => {
  const subject = new Subject()
  const controller = new AbortController()
  const waiting = once(asNode(subject), 'gap', { signal: controller.signal })
  controller.abort()
  await t.rejects(waiting, { name: 'AbortError' })
  t.notOk(subject.listens('gap'))
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
