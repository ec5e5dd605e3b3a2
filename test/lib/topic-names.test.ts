import t from 'tap'
import { TopicNames } from '../../lib/topic-names.js'
import { FakePlatform } from './support/fake-platform.js'

const utf8 = (text: string) => new TextEncoder().encode(text)

/** A platform that counts how often it makes a string. */
class CountingPlatform extends FakePlatform {
  made = 0

  override readText(source: Uint8Array, from: number, to: number): string {
    this.made++
    return super.readText(source, from, to)
  }
}

function scene(most?: { readonly topics: number; readonly bytes: number }) {
  const platform = new CountingPlatform()
  const names = new TopicNames(platform, most)
  const read = (topic: string | Uint8Array) => {
    const bytes = typeof topic === 'string' ? utf8(topic) : topic
    return names.read(bytes, 0, bytes.length)
  }
  return { platform, names, read }
}

t.test('makes a string once for each topic', async (t) => {
  const { platform, names, read } = scene()
  for (let round = 0; round < 3; round++) {
    for (const topic of ['a', 'b', '', 'trades.é', 'a'.repeat(1_024)]) t.equal(read(topic), topic)
  }
  t.equal(platform.made, 5)
  t.equal(names.size, 5)
})

t.test('finds topics wherever they lie in a chunk', async (t) => {
  const { names } = scene()
  const chunk = utf8('xxtopicxx')
  const id = names.find(chunk, 2, 7)
  t.equal(names.find(utf8('topic'), 0, 5), id)
  t.equal(names.text(id), 'topic')
  t.not(names.find(chunk, 2, 6), id)
})

t.test('keeps bytes of its own', async (t) => {
  const { read } = scene()
  const bytes = utf8('topic')
  read(bytes)
  bytes.fill(0x78)
  t.equal(read('topic'), 'topic')
  t.equal(read('xxxxx'), 'xxxxx')
})

t.test('tells topics apart that read the same, since they are no text', async (t) => {
  const { names } = scene()
  const first = names.find(Uint8Array.of(0xff), 0, 1)
  const second = names.find(Uint8Array.of(0xfe), 0, 1)
  t.not(first, second)
  t.equal(names.text(first), names.text(second))
})

t.test('keeps up to its limits, and forgets everything beyond either', async (t) => {
  const few = scene({ topics: 3, bytes: 1_000 })
  for (const topic of ['a', 'b', 'c']) few.read(topic)
  t.equal(few.names.size, 3)
  few.names.marks[0] = 7
  t.equal(few.read('d'), 'd')
  t.equal(few.names.size, 1)
  t.strictSame(few.names.marks, [0], 'nothing is remembered of the new one')
  t.equal(few.read('a'), 'a')

  const small = scene({ topics: 100, bytes: 10 })
  small.read('12345')
  small.read('67890')
  t.equal(small.names.size, 2)
  small.read('x')
  t.equal(small.names.size, 1)
})

t.test('remembers no topic that is longer than topics may be', async (t) => {
  const { names, read, platform } = scene()
  const long = 'a'.repeat(1_025)
  t.equal(read(long), long)
  t.equal(read(long), long)
  t.equal(platform.made, 2)
  t.equal(names.size, 0)
  t.equal(names.find(utf8(long), 0, 1_025), -1)
})

t.test('does not search for ever, or fill up, where a topic fits no memory at all', async (t) => {
  const { names, read } = scene({ topics: 100, bytes: 4 })
  t.equal(read('12345'), '12345')
  t.equal(names.size, 0)
})

t.test('tells thousands of topics apart as it grows', async (t) => {
  const { names, read } = scene()
  const topics = Array.from({ length: 20_000 }, (_, i) => `orders.${i % 7}.${i}`)
  for (const topic of topics) if (read(topic) !== topic) t.fail(topic)
  t.equal(names.size, topics.length)
  const ids = topics.map((topic) => names.find(utf8(topic), 0, topic.length))
  t.equal(new Set(ids).size, topics.length)
})

t.test('reads topics that were made to collide', async (t) => {
  const { names, read } = scene()
  const colliding = collisions(200)
  for (let round = 0; round < 2; round++) {
    for (const topic of colliding) if (read(topic) !== topic) t.fail(topic)
  }
  t.ok(names.size < colliding.length, `only ${names.size} are worth the search`)
})

t.test('tells topics of the same hash apart', async (t) => {
  const { names, read } = scene()
  const known = new Map<number, string>()
  let pair: readonly [string, string] | undefined
  for (let i = 0; pair === undefined; i++) {
    const topic = nameOf(i)
    const other = known.get(hashOf(topic))
    if (other !== undefined) pair = [other, topic]
    known.set(hashOf(topic), topic)
  }
  for (let round = 0; round < 2; round++) t.strictSame(pair.map(read), pair)
  t.equal(names.size, 2)
})

/** Topics whose slots are the same in a table of 4,096. */
function collisions(count: number): string[] {
  const found: string[] = []
  for (let i = 0; found.length < count; i++) {
    if ((hashOf(nameOf(i)) & 0xfff) === 0x234) found.push(nameOf(i))
  }
  return found
}

function nameOf(i: number): string {
  return i.toString(36).padStart(6, '0')
}

function hashOf(topic: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < topic.length; at++) hash = Math.imul(hash ^ topic.charCodeAt(at), 0x01000193)
  return hash ^ (hash >>> 15)
}
