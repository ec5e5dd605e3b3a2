import { checkTopic } from '../lib/topic.js'
import { UsageError } from './command.js'
import { readJson } from './format.js'
import { readLines } from './lines.js'

/** A message to send. Its bytes may be used again for the next one. */
export interface Supplied {
  readonly topic: string
  readonly data: string | Uint8Array
}

interface SupplyValues {
  readonly data: string | undefined
  readonly size: number | undefined
  readonly stdin: 'lines' | 'json' | undefined
}

/** What `fanwire pub` is to send, without an end unless it comes from `input`, which is opened when it is first read. */
export function supply(
  topic: string,
  { data, size, stdin }: SupplyValues,
  input: () => AsyncIterable<Uint8Array>,
): Iterable<Supplied> | AsyncIterable<Supplied> {
  const [first, second] = Object.entries({ data, size, stdin }).filter(([, value]) => value !== undefined)
  if (first === undefined) throw new UsageError('nothing to send: give --data TEXT, --size BYTES or --stdin lines|json')
  if (second !== undefined) throw new UsageError(`--${first[0]} and --${second[0]} exclude each other`)
  if (size !== undefined) return fillings(topic, size)
  if (stdin === 'lines') return messagesOfLines(topic, input)
  if (stdin === 'json') return messagesOfJson(topic, input)
  return repeat({ topic, data: data as string })
}

function* repeat(message: Supplied): Generator<Supplied> {
  for (;;) yield message
}

/** Counts from 1, in text that is filled up to `size` bytes. */
function* fillings(topic: string, size: number): Generator<Supplied> {
  const data = Buffer.alloc(size, '.')
  for (let count = 1; ; count++) {
    data.write(String(count))
    yield { topic, data }
  }
}

async function* messagesOfLines(topic: string, input: () => AsyncIterable<Uint8Array>): AsyncGenerator<Supplied> {
  for await (const data of readLines(input())) yield { topic, data }
}

async function* messagesOfJson(fallback: string, input: () => AsyncIterable<Uint8Array>): AsyncGenerator<Supplied> {
  let number = 0
  for await (const bytes of readLines(input())) {
    number++
    const line = bytes.toString()
    if (line.trim() !== '') yield readMessage(line, fallback, number)
  }
}

function readMessage(line: string, fallback: string, number: number): Supplied {
  try {
    const { topic = fallback, data } = readJson(line)
    checkTopic(topic)
    return { topic, data }
  } catch (error) {
    throw new Error(`line ${number} of stdin: ${(error as Error).message}`, { cause: error })
  }
}
