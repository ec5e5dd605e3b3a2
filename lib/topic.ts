import { FanwireError } from './errors.js'
import { type OptionRule, refuse } from './options.js'

/** The longest topic, in bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 1_024

/**
 * Checks a topic before it is first used. Topics are plain ASCII nearly always: for those this is one pass over the
 * text that makes nothing.
 *
 * @throws {FanwireError} `BAD_TOPIC`
 */
export function checkTopic(topic: string): void {
  if (typeof topic !== 'string') throw bad(`a topic must be a string, got ${topic === null ? 'null' : typeof topic}`)
  // Every UTF-16 unit takes a byte at least, so that a huge text is refused without being read.
  let size = topic.length
  for (let at = 0; at < topic.length && size <= MAX_TOPIC_BYTES; at++) {
    const unit = topic.charCodeAt(at)
    if (unit > 0x7f) size += extraBytes(topic, at, unit)
    else if (unit <= 1) throw bad(`a topic must not hold U+000${unit}, got one at position ${at}`)
  }
  if (size > MAX_TOPIC_BYTES) throw bad(`a topic must be of at most ${MAX_TOPIC_BYTES} bytes as UTF-8, got more`)
}

/** A topic as an argument that may be left out: `BAD_OPTION` for what is no text, `BAD_TOPIC` for what is no topic. */
export const topicRule: OptionRule<string | undefined> = {
  fallback: undefined,
  check(value, name) {
    if (typeof value !== 'string') return refuse(name, 'a string', value)
    checkTopic(value)
    return value
  },
}

/** What the UTF-16 unit at `at` takes as UTF-8 beyond one byte; a pair takes four, two for each half. */
function extraBytes(topic: string, at: number, unit: number): number {
  if (unit < 0x800) return 1
  if (unit < 0xd800 || unit > 0xdfff) return 2
  const other = topic.charCodeAt(unit < 0xdc00 ? at + 1 : at - 1)
  const paired = unit < 0xdc00 ? other >= 0xdc00 && other <= 0xdfff : other >= 0xd800 && other <= 0xdbff
  // UTF-8 has no bytes for half a character; encoders put U+FFFD there, which is another topic.
  if (!paired) throw bad(`a topic must be well-formed text, got half a character at position ${at}`)
  return 1
}

function bad(message: string): FanwireError {
  return new FanwireError('BAD_TOPIC', message)
}
